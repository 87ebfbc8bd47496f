"""A spectrogram on disk: mapped without a file that stays open."""

import resource
from pathlib import Path

import numpy as np
import pytest

from nas.data.mel_file import open_mel, write_mel


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (128, 3751)])
def test_it_comes_back_the_same_and_numpy_reads_it_too(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    mel = np.random.default_rng(0).uniform(-100, 20, shape).astype(np.float16)
    write_mel(tmp_path / "a.npy", mel)
    found = open_mel(tmp_path / "a.npy")
    assert found is not None
    np.testing.assert_array_equal(found, mel)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), mel)
    assert not found.flags.writeable


def test_more_spectrograms_than_a_process_may_have_files(tmp_path: Path) -> None:
    """The Kaggle set has 4,727 recordings, and 1,024 files are the usual limit."""
    write_mel(tmp_path / "a.npy", np.zeros((2, 3), dtype=np.float16))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        held = [open_mel(tmp_path / "a.npy") for _ in range(150)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all(mel is not None and mel.shape == (2, 3) for mel in held)
