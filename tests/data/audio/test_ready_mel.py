"""Ready-made spectrograms: the one array that fits, or a reason."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from nas.data.audio import mel_file
from nas.data.audio.decode import UnreadableAudio
from nas.data.audio.mel_file import read_ready_mel

MEL = np.linspace(-80, 10, 8 * 30).reshape(8, 30)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int16])
@pytest.mark.parametrize("packed", [np.savez, np.savez_compressed])
def test_the_array_with_a_row_for_each_band_is_taken(tmp_path: Path, dtype, packed) -> None:
    mel = MEL.astype(dtype)
    packed(tmp_path / "a.npz", label=np.zeros(8), other=np.zeros((30, 7)), melspec=mel)
    found = read_ready_mel(tmp_path / "a.npz", 8)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, mel.astype(np.float32))


def test_an_array_without_a_name_is_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", MEL)
    np.testing.assert_allclose(read_ready_mel(tmp_path / "a.npz", 8), MEL, rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"mel": MEL.T}, r"holds mel \(30, 8\)"),
        ({"a": MEL, "b": MEL}, r"holds a \(8, 30\), b \(8, 30\)"),
        ({"mel": MEL[None]}, r"holds mel \(1, 8, 30\)"),
        ({"mel": MEL[:, :0]}, r"holds mel \(8, 0\)"),
        ({"mel": MEL > 0}, r"holds mel \(8, 30\)"),
        ({"mel": MEL + 1j}, r"holds mel \(8, 30\)"),
        ({}, "holds nothing"),
    ],
)
def test_none_or_several_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], found: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UnreadableAudio, match=f"not one array of 8 rows and some columns: {found}"):
        read_ready_mel(tmp_path / "a.npz", 8)


def test_broken_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, mel=MEL)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 255
    for broken in (content[:-30], content[:100], b"text", bytes(flipped)):
        path.write_bytes(broken)
        with pytest.raises(UnreadableAudio, match=r"no \.npz file of numbers"):
            read_ready_mel(path, 8)
    path.write_bytes(b"")
    with pytest.raises(UnreadableAudio, match="an empty file"):
        read_ready_mel(path, 8)


def test_pickled_objects_and_plain_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mel=np.array([{}, 3], dtype=object))
    np.save(tmp_path / "b.npy", MEL)
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    for name in ("a.npz", "b.npz"):
        with pytest.raises(UnreadableAudio, match=r"no \.npz file of numbers"):
            read_ready_mel(tmp_path / name, 8)


def npz_of(path: Path, shape: tuple[int, int], content: bytes) -> None:
    """An archive of one array whose header claims a shape."""
    header = BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mel.npy", header.getvalue() + content)


def test_sizes_are_looked_at_before_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npz_of(tmp_path / "a.npz", (8, 10**10), bytes(320))
    with pytest.raises(UnreadableAudio, match=r"has 320000000000 bytes, and \d+ are there"):
        read_ready_mel(tmp_path / "a.npz", 8)
    npz_of(tmp_path / "b.npz", (8, 50_000), bytes(1_600_000))
    assert (tmp_path / "b.npz").stat().st_size < 3_000
    assert read_ready_mel(tmp_path / "b.npz", 8).shape == (8, 50_000)
    monkeypatch.setattr(mel_file, "MOST_READY_BYTES", 1_000_000)
    with pytest.raises(UnreadableAudio, match="at most 1000000 are allowed"):
        read_ready_mel(tmp_path / "b.npz", 8)


def test_threads_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of numpy's readers of headers at once end in a SystemError of Python 3.11 at times."""
    np.savez(tmp_path / "a.npz", mel=MEL)
    read = np.lib.format.read_array
    inside: list[bool] = []

    def watched(*args: object, **options: object) -> object:
        inside.append(mel_file._READING.locked())
        return read(*args, **options)

    monkeypatch.setattr(np.lib.format, "read_array", watched)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_ready_mel, [tmp_path / "a.npz"] * 20, [8] * 20))
    assert inside == [True] * 20
    assert all(np.array_equal(mel, MEL.astype(np.float32)) for mel in found)
