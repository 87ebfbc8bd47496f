"""A spectrogram on disk: mapped without a file that stays open."""

import resource
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from nas.data.audio.mel_file import open_mel, write_mel


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


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_does_not_matter(tmp_path: Path, order: str) -> None:
    mel = np.arange(12, dtype=np.float16).reshape(3, 4)
    write_mel(tmp_path / "a.npy", np.array(mel, order=order))
    np.testing.assert_array_equal(open_mel(tmp_path / "a.npy"), mel)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), mel)


def saved(array: np.ndarray) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        saved(np.zeros((3, 4), dtype=np.float32)),
        saved(np.zeros((3, 4), dtype=np.float16, order="F")),
        saved(np.zeros(12, dtype=np.float16)),
        saved(np.zeros((2, 3, 4), dtype=np.float16)),
        saved(np.zeros((3, 4), dtype=np.float16))[:-2],
        saved(np.zeros((3, 4), dtype=np.float16)) + b"00",
        saved(np.zeros((3, 4), dtype=np.float16)).replace(b"(3, 4)", b"(3, 0)"),
    ],
)
def test_what_is_no_such_array_is_damaged_whatever_its_checksum(
    tmp_path: Path, content: bytes
) -> None:
    """Four zero bytes, as a file system may leave, are the right checksum of nothing."""
    (tmp_path / "a.npy").write_bytes(content + zlib.crc32(content).to_bytes(4, "little"))
    assert open_mel(tmp_path / "a.npy") is None
