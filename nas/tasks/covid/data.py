"""The data of the X-ray tasks, with what turns them into a network's inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from nas.data.decode import UnreadableImage
from nas.data.image.dataset import Pixels
from nas.data.normalise import Normalise, fitted_preprocess
from nas.data.splits import Split
from nas.data.xray.dataset import XrayData
from nas.data.xray.decode import decode_xray
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import InputSpec

FILES_AT_ONCE = 32
"""Files that are decoded before the network sees them."""


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
    """Some files in order, and what the network sees of those that can be read."""

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
    """What was kept with the network. Raises NasError where it is not of X-rays, or not whole."""
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


@dataclass(frozen=True, eq=False)
class XrayTaskData:
    """Decoded X-rays with labels and boxes, the input's shape, the normalisation."""

    xrays: XrayData
    preprocess: XrayPreprocess
    input: InputSpec
    threshold: float | None = None
    """Score from which a box counts, chosen before; None lets a measurement choose the best."""

    @property
    def classes(self) -> tuple[str, ...]:
        return self.xrays.classes

    @property
    def source(self) -> str:
        return self.xrays.source

    @property
    def made_splits(self) -> tuple[Split, ...]:
        return self.xrays.made_splits

    @property
    def split_digest(self) -> str:
        return self.xrays.split_digest

    @property
    def unreadable(self) -> tuple[str, ...]:
        return self.xrays.unreadable

    @property
    def notes(self) -> tuple[str, ...]:
        return self.xrays.notes

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.input.height, self.input.width

    def normalised(self) -> Self:
        """The same X-rays; mean and std are those of the training split."""
        train = self.xrays.split("train").images
        return replace(self, preprocess=fitted_preprocess(self.preprocess, train))
