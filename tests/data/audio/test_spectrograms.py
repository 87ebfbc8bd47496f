"""Spectrograms of many files: right, made once, whole, shared, and never in the way."""

import logging
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import soundfile
import torch

from nas.data.audio.decode import read_audio
from nas.data.audio.mel import LogMel
from nas.data.audio.mel_file import MelMaker
from nas.data.audio.preprocess import MelPreprocess
from nas.data.audio.spectrograms import Spectrograms, load_spectrograms
from nas.errors import NasError

SETTINGS = MelPreprocess(sample_rate_hz=8_000, fft_samples=256, hop_samples=100)
BANDS = 12


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Six recordings of noise of different lengths."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 3_000 + 500 * number)
        soundfile.write(folder / f"{number}.flac", noise, 8_000)
    return sorted(folder.iterdir())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose spectrograms were made anew."""
    names: list[str] = []
    make = MelMaker.__call__

    def noted(self: MelMaker, path: Path) -> np.ndarray:
        names.append(path.name)
        return make(self, path)

    monkeypatch.setattr(MelMaker, "__call__", noted)
    return names


def load(paths: list[Path], cache_dir: Path, **more: object) -> Spectrograms:
    settings = {"preprocess": SETTINGS, "bands": BANDS, **more}
    return load_spectrograms(paths, cache_dir=cache_dir, **settings)


def alone(path: Path, preprocess: MelPreprocess = SETTINGS, bands: int = BANDS) -> np.ndarray:
    samples = read_audio(path, preprocess.sample_rate_hz)
    return LogMel(preprocess, bands)(samples).astype(np.float16)


def assert_right(found: Spectrograms, paths: list[Path]) -> None:
    assert found.unreadable == {}
    for mel, path in zip(found.mels, paths, strict=True):
        assert mel is not None
        assert not mel.flags.writeable
        np.testing.assert_array_equal(mel, alone(path))


def test_they_are_made_once_and_come_back_the_same(
    paths: list[Path], tmp_path: Path, made: list[str]
) -> None:
    assert_right(load(paths, tmp_path / "cache"), paths)
    assert len(made) == 6
    assert_right(load(paths[::-1], tmp_path / "cache"), paths[::-1])
    assert len(made) == 6


def test_a_new_recording_costs_its_own_making(
    paths: list[Path], tmp_path: Path, made: list[str]
) -> None:
    load(paths[:5], tmp_path / "cache")
    assert_right(load(paths, tmp_path / "cache"), paths)
    assert made[5:] == ["5.flac"]


def test_moved_and_renamed_files_are_known_again(
    paths: list[Path], tmp_path: Path, made: list[str]
) -> None:
    load(paths, tmp_path / "cache")
    moved = [path.rename(tmp_path / f"moved{path.name}") for path in paths]
    assert_right(load(moved, tmp_path / "cache"), moved)
    assert len(made) == 6


def test_changed_content_is_seen(paths: list[Path], tmp_path: Path, made: list[str]) -> None:
    load(paths, tmp_path / "cache")
    soundfile.write(paths[2], np.zeros(900), 8_000)
    assert_right(load(paths, tmp_path / "cache"), paths)
    assert made[6:] == ["2.flac"]


def test_every_setting_that_changes_values_has_its_own_file(
    paths: list[Path], tmp_path: Path, made: list[str]
) -> None:
    cache = tmp_path / "cache"
    changes: list[dict[str, object]] = [
        {}, {"sample_rate_hz": 9_000}, {"fft_samples": 300}, {"hop_samples": 99}, {"low_hz": 60.0},
        {"high_hz": 3_000.0},
    ]  # fmt: skip
    for change in changes:
        preprocess = MelPreprocess(**{**SETTINGS.model_dump(), **change})
        (mel,) = load(paths[:1], cache, preprocess=preprocess).mels
        np.testing.assert_array_equal(mel, alone(paths[0], preprocess))
    (mel,) = load(paths[:1], cache, bands=13).mels
    np.testing.assert_array_equal(mel, alone(paths[0], bands=13))
    assert len(made) == len(changes) + 1
    later = {"mean": -30.0, "std": 10.0, "overlap_frames": 23, "high_hz": 4_000.0}
    load(paths[:1], cache, preprocess=MelPreprocess(**{**SETTINGS.model_dump(), **later}))
    assert len(made) == len(changes) + 1


@pytest.mark.parametrize("damage", ["cut", "value", "header", "empty", "short", "gone"])
def test_a_damaged_file_is_made_again(
    paths: list[Path], tmp_path: Path, damage: str, made: list[str]
) -> None:
    load(paths[:1], tmp_path / "cache")
    (file,) = (tmp_path / "cache" / "spectrograms").rglob("*.npy")
    content = bytearray(file.read_bytes())
    file.unlink()
    if damage in ("value", "header"):
        content[200 if damage == "value" else 40] ^= 1
        file.write_bytes(content)
    elif damage != "gone":
        file.write_bytes(content[: {"cut": -9, "empty": 0, "short": 2}[damage]])
    assert_right(load(paths[:1], tmp_path / "cache"), paths[:1])
    assert len(made) == 2
    np.testing.assert_array_equal(np.load(file), alone(paths[0]))


def test_unreadable_files_keep_their_places_and_are_tried_again(
    paths: list[Path], tmp_path: Path
) -> None:
    paths[1].write_bytes(b"")
    paths[4].write_text("no sound")
    paths.append(tmp_path / "data" / "nowhere.flac")
    found = load(paths, tmp_path / "cache")
    assert found.unreadable == {
        1: "an empty file",
        4: "Format not recognised",
        6: "no such file",
    }
    assert [mel is None for mel in found.mels] == [False, True, False, False, True, False, True]
    for position in (1, 4, 6):
        soundfile.write(paths[position], np.zeros(500), 8_000)
    assert_right(load(paths, tmp_path / "cache"), paths)


def test_what_has_no_digest_is_not_kept(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.data.digests._digest", lambda path: "missing")
    assert_right(load(paths, tmp_path / "cache"), paths)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_values_that_float16_cannot_hold_are_unreadable(tmp_path: Path) -> None:
    wide = tmp_path / "wide.wav"
    soundfile.write(wide, np.full(1_000, 3e38), 8_000, subtype="FLOAT")
    ready = tmp_path / "ready.npz"
    np.savez(ready, mel=np.full((BANDS, 4), 1e5))
    gaps = tmp_path / "gaps.npz"
    np.savez(gaps, mel=np.full((BANDS, 4), np.nan))
    found = load([wide, ready, gaps], tmp_path / "cache")
    assert set(found.unreadable) == {0, 1, 2}
    assert "beyond all sound" in found.unreadable[1]


def test_ready_made_spectrograms_stand_beside_recordings(
    paths: list[Path], tmp_path: Path, made: list[str]
) -> None:
    mel = np.random.default_rng(0).uniform(-80, 0, (BANDS, 33)).astype(np.float32)
    ready = tmp_path / "data" / "ready.npz"
    np.savez(ready, mel=mel, bands=np.arange(3))
    for _ in range(2):
        found = load([*paths, ready], tmp_path / "cache")
        np.testing.assert_array_equal(found.mels[-1], mel.astype(np.float16))
    assert len(made) == 7
    assert "13 rows" in load([ready], tmp_path / "cache", bands=13).unreadable[0]


def test_the_same_file_twice(paths: list[Path], tmp_path: Path) -> None:
    assert_right(load([*paths, *paths], tmp_path / "cache"), [*paths, *paths])


def test_no_files_are_no_spectrograms(tmp_path: Path) -> None:
    assert load([], tmp_path / "cache").mels == []


def test_the_default_cache_is_the_shared_one(paths: list[Path], cache_dir: Path) -> None:
    load_spectrograms(paths, SETTINGS, BANDS)
    assert len(list((cache_dir / "spectrograms").rglob("*.npy"))) == 6


def test_progress_counts_recordings(paths: list[Path], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    paths[1].write_bytes(b"")

    def note(done: int, total: int) -> None:
        seen.append((done, total))

    load(paths[:2], tmp_path / "cache")
    load(paths, tmp_path / "cache", on_progress=note)
    assert seen == [(done, 6) for done in range(2, 7)]


def test_a_cache_that_cannot_be_written_is_said_once(
    paths: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A file where the folder should be: no user, root included, can write below it.
    (tmp_path / "cache").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert_right(load(paths, tmp_path / "cache"), paths)
    assert caplog.text.count("can't be written") == 1
    caplog.clear()
    monkeypatch.setattr("nas.data.audio.spectrograms.default_cache_dir", lambda: None)
    assert_right(load_spectrograms(paths, SETTINGS, BANDS), paths)
    assert caplog.text.count("kept in RAM") == 1


def test_a_full_disk_leaves_nothing_behind(
    paths: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nas.files.os.fsync", full)
    assert_right(load(paths, tmp_path / "cache"), paths)
    assert caplog.text.count("No space left") == 1
    left = [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == [".lock"]


def test_an_error_of_ours_ends_it_at_once(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def fail(self: MelMaker, path: Path) -> np.ndarray:
        calls.append(path)
        sleep(0.005)  # longer than the first one's error takes to be seen
        raise RuntimeError("ours")

    monkeypatch.setattr(MelMaker, "__call__", fail)
    monkeypatch.setattr("nas.data.audio.spectrograms.usable_cores", lambda: 1)
    with pytest.raises(RuntimeError, match="ours"):
        load(paths * 50, tmp_path / "cache")
    assert len(calls) < 100


def test_the_threads_of_torch_stay_as_they_were(paths: list[Path], tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        load(paths, tmp_path / "cache")
        with ThreadPoolExecutor(1) as pool:
            later = pool.submit(torch.get_num_threads).result()
        assert (torch.get_num_threads(), later) == (3, 3)
    finally:
        torch.set_num_threads(before)


def test_settings_that_make_no_spectrogram_are_refused_before_any_file(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="hold no frequency"):
        load([tmp_path / "nowhere.flac"], tmp_path, bands=200)


def fill(paths: list[Path], cache_dir: Path, start, results) -> None:
    made: list[Path] = []
    make: Callable = MelMaker.__call__

    def counted(self: MelMaker, path: Path) -> np.ndarray:
        made.append(path)
        return make(self, path)

    MelMaker.__call__ = counted
    start.wait()
    found = load(paths, cache_dir)
    results.put(([np.array(mel) for mel in found.mels], len(made)))


@pytest.mark.parametrize("locks", [True, False])
def test_two_processes_at_once(
    paths: list[Path], tmp_path: Path, locks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not locks:
        monkeypatch.setattr("nas.data.cache._lock", lambda stream: None)
    context = multiprocessing.get_context("fork" if sys.platform != "win32" else "spawn")
    start, results = context.Barrier(2), context.Queue()
    arguments = (paths, tmp_path / "cache", start, results)
    workers = [context.Process(target=fill, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join(600)
        assert worker.exitcode == 0
    for mels, _ in found:
        for mel, path in zip(mels, paths, strict=True):
            np.testing.assert_array_equal(mel, alone(path))
    if locks:
        assert sum(made for _, made in found) == 6
    assert not list((tmp_path / "cache" / "spectrograms").rglob(".*"))
