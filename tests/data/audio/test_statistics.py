"""Statistics of recordings: rows beyond the end of a file's header, and copies in two splits."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from nas.data.audio.statistics import audio_statistics
from nas.data.statistics import StatisticsRequest
from nas.errors import NasError
from tests.data.audio_set import Row, write_events, write_noise, write_set

ROWS: list[Row] = [(f"r{n}", n % 2, 0.1, 0.4) for n in range(12)]


def test_an_event_behind_its_recordings_end_is_a_wrong_row(tmp_path: Path, cache_dir: Path) -> None:
    # r0 has a second: one row begins at its end, one behind it, one only ends there.
    late: list[Row] = [("r0", 0, 15, 16), ("r0", 1, 1.0, 1.5), ("r0", 1, 0.9, 1.5)]
    write_set(tmp_path, [*ROWS, *late], [("r1", 0, 2.0, 3.0)])
    found = audio_statistics(StatisticsRequest(tmp_path))
    assert sorted(found.wrong) == [
        "train_fp.csv:2: begins at 2 s, but r1 ends at 1.00 s",
        "train_tp.csv:14: begins at 15 s, but r0 ends at 1.00 s",
        "train_tp.csv:15: begins at 1 s, but r0 ends at 1.00 s",
    ]
    assert "wrong rows        3" in found.lines()
    with pytest.raises(NasError, match="3 rows can't be used, the first is"):
        audio_statistics(StatisticsRequest(tmp_path, strict=True))


def test_of_a_file_that_is_broken_or_a_spectrogram_no_end_is_known(
    tmp_path: Path, cache_dir: Path
) -> None:
    write_set(tmp_path, [*ROWS, ("r0", 0, 15, 16), ("r1", 0, 15, 16)])
    (tmp_path / "train" / "r0.flac").write_bytes(b"no sound")
    (tmp_path / "train" / "r1.flac").unlink()
    np.savez(tmp_path / "train" / "r1.npz", np.zeros((4, 8)))
    assert audio_statistics(StatisticsRequest(tmp_path)).wrong == ()


def test_the_same_recording_in_two_splits_is_told(tmp_path: Path, cache_dir: Path) -> None:
    write_set(tmp_path, ROWS)
    write_events(tmp_path / "test_events.csv", [("t0", 0, 0.1, 0.4), ("t1", 1, 0.1, 0.4)])
    write_noise(tmp_path / "test" / "t0.flac")
    assert audio_statistics(StatisticsRequest(tmp_path)).copies == ()
    shutil.copy(tmp_path / "train" / "r3.flac", tmp_path / "test" / "t1.flac")
    found = audio_statistics(StatisticsRequest(tmp_path))
    (pair,) = found.copies
    assert "test/t1.flac (test)" in pair
    assert "train/r3.flac (" in pair
    assert found.lines()[-2:] == ["in two splits     1 files", f"  {pair}"]
    with pytest.raises(NasError, match="1 files stand in another split"):
        audio_statistics(StatisticsRequest(tmp_path, strict=True))


def test_sample_rate_window_and_overlap_are_suggested(tmp_path: Path, cache_dir: Path) -> None:
    write_set(tmp_path, ROWS)  # a second at 8 kHz, events of 0.3 s
    found = audio_statistics(StatisticsRequest(tmp_path)).suggestion
    assert found is not None
    assert found.window_s == 512 * found.hop_samples / found.sample_rate_hz
    assert found.window_s >= 1 or found.hop_samples == 64
    assert found.overlap_frames == round(0.3 * found.sample_rate_hz / found.hop_samples)
    assert any(f"sample_rate_hz: {found.sample_rate_hz}" in line for line in found.lines())
