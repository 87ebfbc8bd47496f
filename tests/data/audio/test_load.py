"""Loaded recordings: splits, labels, what is left out, npz spectrograms, the built-in set."""

import math
from pathlib import Path

import numpy as np
import pytest

from nas.data.audio import load as audio_load
from nas.data.audio.dataset import AudioData
from nas.data.audio.load import load_recordings
from nas.data.audio.preprocess import MelPreprocess
from nas.data.dataset import DataRequest
from nas.data.splits import SPLITS, Split
from nas.data.synthetic.audio import BUILT_IN_AUDIO_SOURCE
from nas.errors import NasError
from nas.spec.definition import InputSpec
from tests.data.audio_set import BANDS, PREPROCESS, Row, write_events, write_noise, write_set

ROWS: list[Row] = [(f"r{number:02d}", number % 2, 0.25, 0.5) for number in range(12)]

SIZE = InputSpec(channels=1, height=BANDS, width=64)


def load(source: Path, *splits: Split, strict: bool = False) -> AudioData:
    return load_recordings(DataRequest(source, SIZE, PREPROCESS, splits=splits, strict=strict))


@pytest.mark.usefixtures("cache_dir")
class TestLoading:
    def test_labels_and_spectrograms_of_a_recording(self, tmp_path: Path) -> None:
        write_set(tmp_path, ROWS, [("r00", 1, 0.75, 1.0), ("r00", 0, 0.25, 0.3)])
        data = load(tmp_path, *SPLITS)
        recordings = {item.id: item for split in SPLITS for item in data.split(split).recordings}
        assert recordings.keys() == {row[0] for row in ROWS}
        first = recordings["r00"]
        assert first.path == "train/r00.flac"
        assert first.mel_FT.shape == (BANDS, 41)
        assert first.mel_FT.dtype == np.float16
        assert first.frames == 41
        expected = np.zeros((2, 41), dtype=np.int8)
        expected[0, 10:20] = 1
        expected[1, 30:40] = -1
        np.testing.assert_array_equal(first.labels_KT, expected)
        (event,) = first.events
        assert (event.species, event.t_min_s, event.t_max_s) == ("s0", 0.25, 0.5)
        assert data.classes == ("s0", "s1")
        assert data.preprocess.frame_s == 0.025
        assert data.made_splits == ("validation", "test")
        assert data.source == str(tmp_path)
        assert data.unreadable == ()

    def test_only_the_splits_that_are_asked_for_are_read(self, tmp_path: Path) -> None:
        write_set(tmp_path, ROWS)
        held = [item.id for item in load(tmp_path, "test").split("test").recordings]
        for name in held:
            (tmp_path / "train" / f"{name}.flac").write_bytes(b"no sound")
        data = load(tmp_path, "train", "validation", strict=True)
        with pytest.raises(ValueError, match=r"split 'test' of .* was not loaded"):
            data.split("test")

    def test_the_digest_tells_other_splits(self, tmp_path: Path) -> None:
        write_set(tmp_path, ROWS)
        before = load(tmp_path, "train")
        assert load(tmp_path, "validation").split_digest == before.split_digest
        write_set(tmp_path, [*ROWS, ("more", 1, 0.1, 0.2)])
        assert load(tmp_path, "train").split_digest != before.split_digest

    def test_what_cannot_be_used_is_named_and_left_out(self, tmp_path: Path) -> None:
        write_set(tmp_path, [*ROWS, *((f"r{n:02d}", 0, 0.9, 1.3) for n in range(12))])
        write_events(tmp_path / "train_fp.csv", [("r00", 1, 1.5, 2.0), ("gone", 1, 0.1, 0.2)])
        broken = ("r01", "r02")
        (tmp_path / "train" / "r01.flac").write_bytes(b"")
        (tmp_path / "train" / "r02.flac").write_bytes(b"fLaC and then nothing")
        data = load(tmp_path, *SPLITS)
        kept = [item.id for split in SPLITS for item in data.split(split).recordings]
        assert sorted(kept) == sorted({row[0] for row in ROWS} - set(broken))
        begins = [text for text in data.unreadable if "begins" in text]
        assert begins == ["train_fp.csv:2: begins at 1.5 s, but r00 ends at 1.00 s"]
        cut = [text for split in SPLITS for text in data.split(split).cut]
        assert len(cut) == 10
        assert all(": ends at 1.3 s, but r" in text for text in cut)
        assert data.notes == (
            f"10 events end after their recordings and are cut there, first {cut[0]}",
        )
        assert "train_fp.csv:3: no recording 'gone' in train" in data.unreadable
        for name in broken:
            assert any(text.startswith(f"train/{name}.flac: ") for text in data.unreadable)
        assert len(data.unreadable) == 4
        with pytest.raises(NasError, match=r"4 unreadable files or rows: "):
            load(tmp_path, *SPLITS, strict=True)

    def test_a_row_that_is_only_cut_is_named_and_allowed(self, tmp_path: Path) -> None:
        write_set(tmp_path, [*ROWS, ("r00", 0, 0.9, 1.3)])
        data = load(tmp_path, *SPLITS, strict=True)
        line = len(ROWS) + 2
        cut = [text for split in SPLITS for text in data.split(split).cut]
        assert cut == [f"train_tp.csv:{line}: ends at 1.3 s, but r00 at 1.00 s"]
        (first,) = [
            item for split in SPLITS for item in data.split(split).recordings if item.id == "r00"
        ]
        assert first.labels_KT[0, 36:].all()

    def test_a_class_that_no_readable_recording_holds_is_refused(self, tmp_path: Path) -> None:
        write_set(tmp_path, [*ROWS, ("r11", 2, 0.1, 0.2)])
        (tmp_path / "train" / "r11.flac").write_bytes(b"")
        (tmp_path / "train" / "r05.flac").write_bytes(b"")
        refused = (
            r"no event of 's2' in the train split can be read: train/r11\.flac: an empty file$"
        )
        with pytest.raises(NasError, match=refused):
            load(tmp_path, "train")

    def test_a_class_whose_events_all_lie_beyond_the_end_is_refused(self, tmp_path: Path) -> None:
        write_set(
            tmp_path, [*ROWS, *((f"r{number:02d}", 2, 1e308, 1.5e308) for number in range(5))]
        )
        with pytest.raises(
            NasError,
            match=r"no event of 's2' in the train split can be read: train_tp\.csv:\d+: begins at "
            r"1e\+308 s, but r\d\d ends at 1\.00 s; ",
        ):
            load(tmp_path, *SPLITS)

    def test_a_test_split_of_which_no_event_can_be_read_is_refused(self, tmp_path: Path) -> None:
        write_set(tmp_path, ROWS)
        write_noise(tmp_path / "test" / "t.wav", 0.5)
        write_events(tmp_path / "test_events.csv", [("t", 1, 0.7, 0.8)])
        with pytest.raises(
            NasError,
            match=r"no event of 's0', 's1' in the test split can be read: test_events\.csv:2: ",
        ):
            load(tmp_path, "train", "test")
        (tmp_path / "test" / "t.wav").write_bytes(b"")
        with pytest.raises(
            NasError, match=r"no recording of the test split can be read: test/t\.w"
        ):
            load(tmp_path, "train", "test")

    def test_one_recording_has_nothing_to_hold_out(self, tmp_path: Path) -> None:
        write_set(tmp_path, ROWS[:1], None)
        assert len(load(tmp_path, "train").split("train")) == 1
        with pytest.raises(NasError, match="no recordings for the validation split"):
            load(tmp_path, "train", "validation")

    def test_ready_made_spectrograms_are_read_in_place_of_sound(self, tmp_path: Path) -> None:
        generator = np.random.default_rng(0)
        mels = {}
        (tmp_path / "train").mkdir()
        for name, *_ in ROWS:
            mels[name] = generator.uniform(-80, 0, (BANDS, 50)).astype(np.float32)
            np.savez(tmp_path / "train" / f"{name}.npz", mel=mels[name])
        write_events(tmp_path / "train_tp.csv", ROWS)
        write_events(tmp_path / "train_fp.csv", [])
        for item in load(tmp_path, "train").split("train").recordings:
            np.testing.assert_array_equal(item.mel_FT, mels[item.id].astype(np.float16))
            assert item.labels_KT.shape == (2, 50)

    def test_a_test_set_is_complete_where_training_is_not(self, tmp_path: Path) -> None:
        write_set(tmp_path, ROWS)
        write_noise(tmp_path / "test" / "t.wav", 0.5)
        write_events(tmp_path / "test_events.csv", [("t", 1, 0.1, 0.2)])
        data = load(tmp_path, "train", "test")
        assert data.split("test").complete
        assert not data.split("train").complete
        assert data.made_splits == ("validation",)
        assert [item.frames for item in data.split("test").recordings] == [21]


def test_a_minute_of_the_seeds_has_their_shape(tmp_path: Path, cache_dir: Path) -> None:
    write_noise(tmp_path / "train" / "minute.flac", 60.0)
    write_events(tmp_path / "train_tp.csv", [("minute", 0, 41.6546, 45.4731)])
    data = load_recordings(
        DataRequest(
            tmp_path,
            InputSpec(channels=1, height=128, width=64),
            MelPreprocess(),
            splits=("train",),
            cache_dir=cache_dir,
        )
    )
    recording = data.split("train").recordings[0]
    assert recording.mel_FT.shape == (128, 3751)
    present = np.flatnonzero(recording.labels_KT[0])
    # As `int(3751 * (t / 60))` of the seeds, to a frame.
    assert abs(present[0] - math.floor(3751 * 41.6546 / 60)) <= 1
    assert abs(present[-1] + 1 - math.floor(3751 * 45.4731 / 60)) <= 1


def test_the_built_in_set_is_ready_without_data(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_recordings(DataRequest(None, SIZE, PREPROCESS, splits=SPLITS))
    assert data.source == BUILT_IN_AUDIO_SOURCE
    assert data.unreadable == data.made_splits == ()
    assert data.split_digest == ""
    assert [len(data.split(split)) for split in SPLITS] == [35, 13, 16]
    for split in SPLITS:
        present_RK = [(item.labels_KT > 0).any(axis=1) for item in data.split(split).recordings]
        assert np.all(np.sum(present_RK, axis=0) >= 2)
    written = sorted((cache_dir / "generated_audio").glob("*/train/*.flac"))
    stamps = [path.stat().st_mtime_ns for path in written]
    assert len(written) == 48
    monkeypatch.setattr(audio_load, "default_cache_dir", lambda: cache_dir)
    load_recordings(DataRequest(None, SIZE, PREPROCESS, splits=("train",)))
    assert [path.stat().st_mtime_ns for path in written] == stamps
