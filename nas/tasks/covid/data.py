"""Data of the X-ray tasks, and files as a network's inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nas.data.decode import Pixels, UnreadableImage
from nas.data.normalise import Normalise
from nas.data.xray.decode import decode_xray
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec

FILES_AT_ONCE = 32
"""Files that are decoded at once."""


@dataclass(frozen=True, eq=False)
class ReadXray:
    """One file, decoded, or why it could not be."""

    path: Path
    pixels: Pixels | None = None
    """(H, W, C) at the network's input size."""
    original_size: tuple[int, int] = (0, 0)
    """(height, width) of the file."""
    error: str | None = None


@dataclass(frozen=True, eq=False)
class FileBatch:
    """Some files in order, and the network's inputs of the readable ones."""

    files: tuple[ReadXray, ...]
    x_NCHW: Tensor | None
    """Normalised; None where no file can be read."""

    @property
    def readable(self) -> tuple[ReadXray, ...]:
        """The files that `x_NCHW` holds, in its order."""
        return tuple(file for file in self.files if file.error is None)


def file_batches(
    architecture: ArchitectureSpec, files: Sequence[Path], device: torch.device
) -> Iterator[FileBatch]:
    """All files, in order, some at once.

    Raises NasError if the architecture does not say how its inputs were prepared.
    """
    preprocess = stored_preprocess(architecture)
    normalise = Normalise(preprocess, architecture.input.channels, device)
    for start in range(0, len(files), FILES_AT_ONCE):
        chosen = tuple(
            _read(path, architecture, preprocess) for path in files[start : start + FILES_AT_ONCE]
        )
        pixels = [file.pixels for file in chosen if file.pixels is not None]
        x_NCHW = None
        if pixels:
            stacked = torch.from_numpy(np.stack(pixels)).to(device).permute(0, 3, 1, 2)
            x_NCHW = normalise(stacked)
        yield FileBatch(chosen, x_NCHW)


def stored_preprocess(architecture: ArchitectureSpec) -> XrayPreprocess:
    """Preprocessing that was kept with the network. Raises NasError unless it is complete and of
    X-rays."""
    preprocess = architecture.preprocess
    if not isinstance(preprocess, XrayPreprocess) or not preprocess.says_normalisation:
        raise NasError(
            "does not say how its X-rays were prepared; was it trained?", key="preprocess"
        )
    return preprocess


def _read(path: Path, architecture: ArchitectureSpec, preprocess: XrayPreprocess) -> ReadXray:
    channels, height, width = architecture.input.shape
    try:
        found = decode_xray(path, height, width, channels, preprocess)
    except UnreadableImage as error:
        return ReadXray(path, error=str(error))
    return ReadXray(path, found.pixels, found.original_size)
