"""One spectrogram on disk: a .npy file that other programs read too, checked when opened."""

import math
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
_HEADER_MOST_BYTES = 1_024
"""More than the header of any array with two axes (NEP 1); the file must begin with it."""


def write_mel(path: Path, mel: StoredMel) -> None:
    """Put the spectrogram at `path`, whole or not at all. Raises OSError."""
    stream = BytesIO()
    np.save(stream, mel)
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
    header = BytesIO(content[:_HEADER_MOST_BYTES].tobytes())
    np.lib.format.read_magic(header)
    shape, _, _ = np.lib.format.read_array_header_1_0(header)
    # np.memmap keeps a file open for each array: thousands are more than a process may have.
    end = header.tell() // 2 + math.prod(shape)
    values = torch.from_file(str(path), shared=False, size=end, dtype=torch.float16).numpy()
    mel: StoredMel = values[header.tell() // 2 :].reshape(shape)
    mel.flags.writeable = False
    return mel
