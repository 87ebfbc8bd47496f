"""One spectrogram on disk: a .npy file that other programs read too, checked when opened."""

import re
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nas.files import atomic_write_bytes

StoredMel = npt.NDArray[np.float16]
"""Log-mel spectrogram in dB, shape (bands, frames), not to be written to."""

_CHECK_BYTES = 4
"""Length of the CRC-32 of all before it: numpy does not mind what follows an array."""
_DTYPE = np.dtype(np.float16)
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '%b', 'fortran_order': False, "
    rb"'shape': \(([1-9]\d*), ([1-9]\d*)\), \} *\n" % _DTYPE.str.encode(),
    re.DOTALL,
)
"""What numpy writes before an array of two axes in row order (NEP 1)."""
_HEADER_MOST_BYTES = 1_024
"""More than any such header; numpy's own reader of them is not safe in threads."""


def write_mel(path: Path, mel: StoredMel) -> None:
    """Put the spectrogram at `path`, whole or not at all. Raises OSError."""
    stream = BytesIO()
    np.save(stream, np.ascontiguousarray(mel))
    content = stream.getvalue()
    atomic_write_bytes(path, content + zlib.crc32(content).to_bytes(_CHECK_BYTES, "little"))


def open_mel(path: Path) -> StoredMel | None:
    """The spectrogram at `path`, mapped into memory; None where it is absent or damaged."""
    try:
        content = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError):
        return None
    check = int.from_bytes(content[-_CHECK_BYTES:].tobytes(), "little")
    if zlib.crc32(content[:-_CHECK_BYTES].data) != check:
        return None
    header = _HEADER.match(content[:_HEADER_MOST_BYTES].tobytes())
    if header is None:
        return None
    shape = int(header[1]), int(header[2])
    if header.end() + shape[0] * shape[1] * _DTYPE.itemsize + _CHECK_BYTES != len(content):
        return None
    # np.memmap keeps a file open for each array: thousands are more than a process may have.
    start = header.end() // _DTYPE.itemsize
    values = torch.from_file(
        str(path), shared=False, size=start + shape[0] * shape[1], dtype=torch.float16
    ).numpy()
    mel: StoredMel = values[start:].reshape(shape)
    mel.flags.writeable = False
    return mel
