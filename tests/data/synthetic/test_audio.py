"""Generated recordings: true tables, calls that can be told apart, the same for the same seed."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nas.data.synthetic.audio import (
    CALLS,
    GeneratedAudio,
    built_in_recordings,
    wind,
    write_recordings,
)

SMALL = GeneratedAudio(
    train_recordings=8, test_recordings=3, duration_s=3.0, classes=4, longest_call_s=0.6
)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as stream:
        return list(csv.DictReader(stream))


def spans(table: Path) -> dict[str, list[tuple[float, float, str]]]:
    found: dict[str, list[tuple[float, float, str]]] = {}
    for row in rows(table):
        span = (float(row["t_min"]), float(row["t_max"]), row["species_id"])
        found.setdefault(row["recording_id"], []).append(span)
    return found


def test_calls_lie_where_the_tables_say(tmp_path: Path) -> None:
    loud = GeneratedAudio(
        6, 0, duration_s=3.0, classes=6, longest_call_s=0.6, quietest_db=20.0, loudest_db=25.0
    )
    write_recordings(tmp_path, loud)
    labelled = spans(tmp_path / "train_tp.csv")
    for name, events in labelled.items():
        sound, rate_hz = soundfile.read(tmp_path / "train" / f"{name}.flac")
        assert (len(sound), rate_hz) == (48_000, 16_000)
        inside = np.zeros(len(sound), dtype=bool)
        for start_s, end_s, _ in events:
            inside[round(start_s * rate_hz) : round(end_s * rate_hz)] = True
            call = sound[round(start_s * rate_hz) : round(end_s * rate_hz)]
            assert np.square(call).mean() > 10 * 0.05**2
        assert np.square(sound[~inside]).mean() < 3 * 0.05**2
        assert all(first[1] < second[0] for first, second in pairwise(sorted(events)))


def test_false_positives_name_classes_that_are_not_in_the_recording(tmp_path: Path) -> None:
    write_recordings(tmp_path, SMALL)
    present, absent = spans(tmp_path / "train_tp.csv"), spans(tmp_path / "train_fp.csv")
    assert len(present) == 8
    assert absent
    for name, events in absent.items():
        assert {event[2] for event in events}.isdisjoint(event[2] for event in present[name])
        assert all(0 <= start_s < end_s <= 3 for start_s, end_s, _ in events)


def test_test_labels_agree_with_test_events(tmp_path: Path) -> None:
    write_recordings(tmp_path, SMALL)
    events = spans(tmp_path / "test_events.csv")
    for row in rows(tmp_path / "test_labels.csv"):
        held = {f"s{event[2]}" for event in events[row["recording_id"]]}
        assert {name for name, value in row.items() if value == "1"} == held
    names = [row["name"] for row in rows(tmp_path / "species.csv")]
    assert names == list(CALLS)[:4]


def test_the_seed_alone_decides(tmp_path: Path) -> None:
    other = GeneratedAudio(2, 1, 3.0, classes=4, longest_call_s=0.6, seed=1)
    again = GeneratedAudio(2, 1, 3.0, classes=4, longest_call_s=0.6)
    contents = {}
    for name, settings in (("a", SMALL), ("b", again), ("c", other)):
        write_recordings(tmp_path / name, settings)
        contents[name] = (tmp_path / name / "train" / "train0001.flac").read_bytes()
    assert contents["a"] == contents["b"] != contents["c"]


@pytest.mark.parametrize("name", list(CALLS))
def test_each_call_has_its_own_shape_in_time_and_frequency(name: str) -> None:
    """Dominant frequencies of the call's first and last third; flatness of its envelope."""
    generator = np.random.default_rng(0)
    time_s = np.arange(16_000) / 16_000
    call = CALLS[name](time_s, generator)
    assert 0.1 < call.std() < 2
    first, last = (peak_hz(part) for part in (call[:3_000], call[-3_000:]))
    envelope = np.abs(call).reshape(-1, 160).mean(axis=1)
    uneven = envelope.std() / envelope.mean()
    expected = {
        "rising": first < 2_200 < 2_700 < last,
        "falling": last < 2_200 < 2_700 < first,
        "trill": 2_100 < first < 2_900 and uneven > 0.5,
        "two_tone": first != pytest.approx(last, rel=0.2) or uneven < 0.1,
        "growl": first < 2_600 and uneven < 0.3,
        "rattle": uneven > 0.5 and not 2_100 < first == last < 2_900,
    }
    assert expected[name]


def peak_hz(sound: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * 16_000 / len(sound))


def test_wind_is_louder_at_low_frequencies() -> None:
    noise = wind(16_000, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert noise.std() == pytest.approx(1)
    # 1/f: as much from 100 to 200 Hz as from 1,000 to 2,000 Hz, though a tenth as wide.
    assert power[100:200].sum() / power[1_000:2_000].sum() == pytest.approx(1, rel=0.3)


def test_settings_that_make_no_recordings_are_refused() -> None:
    for wrong in ({"classes": 7}, {"classes": 0}, {"duration_s": 1.0}):
        with pytest.raises(ValueError, match="1 to 6 classes"):
            GeneratedAudio(**wrong)


def test_without_a_cache_the_set_is_removed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.data.synthetic.audio.GeneratedAudio", lambda: SMALL)
    (tmp_path / "file").write_text("no folder")
    for cache_dir in (None, tmp_path / "file"):
        with built_in_recordings(cache_dir) as folder:
            assert len(list((folder / "train").glob("*.flac"))) == 8
        assert not folder.exists()


def test_a_half_written_set_is_not_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.data.synthetic.audio.GeneratedAudio", lambda: SMALL)

    def stop(folder: Path, settings: GeneratedAudio) -> None:
        (folder / "train").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nas.data.synthetic.audio.write_recordings", stop)
        with pytest.raises(KeyboardInterrupt), built_in_recordings(tmp_path):
            pass
    with built_in_recordings(tmp_path) as folder:
        assert len(list((folder / "train").glob("*.flac"))) == 8
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]
