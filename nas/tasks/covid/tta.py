"""Boxes that a detector finds in files, with test-time augmentation where asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from nas.data.boxes import Size
from nas.metrics.boxes import Boxes, checked_boxes
from nas.spec.architecture import ArchitectureSpec
from nas.tasks.covid.data import file_batches
from nas.tasks.covid.detections import NMS_THRESH, Detections, found_in
from nas.tasks.covid.suppression import fuse, suppress, to_original
from nas.tasks.outputs import NO_NUMBERS


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the square: mirrored, turned upside down, then transposed."""

    name: str
    mirrored: bool = False
    """Left and right exchanged."""
    upside_down: bool = False
    """Top and bottom exchanged."""
    transposed: bool = False
    """Rows turned into columns: height and width are exchanged."""

    def apply(self, x_NCHW: Tensor) -> Tensor:
        """The images as they are shown, (N, C, W, H) where transposed."""
        axes = [axis for axis, flipped in ((2, self.upside_down), (3, self.mirrored)) if flipped]
        shown = x_NCHW.flip(axes) if axes else x_NCHW
        return shown.transpose(2, 3) if self.transposed else shown

    def boxes_back(self, boxes_B4: ArrayLike, size: Size) -> Boxes:
        """Boxes found in the shown image, (B, 4), where they lie in the image before `apply`.

        `size` is (height, width) of that image.
        """
        height, width = size
        boxes = checked_boxes(boxes_B4)
        if self.transposed:
            boxes = boxes[:, [1, 0, 3, 2]]
        if self.mirrored:
            boxes = (width, 0, width, 0) + boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)
        if self.upside_down:
            boxes = (0, height, 0, height) + boxes[:, [0, 3, 2, 1]] * (1, -1, 1, -1)
        return boxes


SYMMETRIES = (
    Symmetry("as it is"),
    Symmetry("mirrored", mirrored=True),
    Symmetry("upside down", upside_down=True),
    Symmetry("half a turn", mirrored=True, upside_down=True),
    Symmetry("transposed", transposed=True),
    Symmetry("mirrored, transposed", mirrored=True, transposed=True),
    Symmetry("upside down, transposed", upside_down=True, transposed=True),
    Symmetry("half a turn, transposed", mirrored=True, upside_down=True, transposed=True),
)
"""All eight; the first four leave height and width."""


def first_symmetries(count: int) -> tuple[Symmetry, ...]:
    """The first 1 to 8; 1 is the image as it is. Raises ValueError for another count."""
    if not 1 <= count <= len(SYMMETRIES):
        raise ValueError(f"{count} symmetries of {len(SYMMETRIES)}")
    return SYMMETRIES[:count]


@dataclass(frozen=True)
class TtaSettings:
    """Test-time augmentation of a detector: how many symmetries, and how their boxes are merged."""

    count: int = 1
    """Symmetries of the square that the network sees: 1 is the image as it is, 8 all of them."""
    fusion: bool = False
    """Weighted boxes fusion instead of suppression."""
    max_iou: float = NMS_THRESH
    """Boxes that overlap more are one: the best of them, or all fused. Above `NMS_THRESH` for
    networks with the detection head alone: whole detectors have suppressed boxes by themselves."""


@dataclass(frozen=True, eq=False)
class FileDetections:
    """What was found in one file, by falling score."""

    path: Path
    boxes_B4: Boxes = field(default_factory=lambda: np.zeros((0, 4)))
    """x1, y1, x2, y2 in pixels of the file's own image."""
    scores_B: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    error: str | None = None


def detect_in_files(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
    tta: TtaSettings | None = None,
) -> Iterator[FileDetections]:
    """What a detector finds in each file, in order."""
    size = (architecture.input.height, architecture.input.width)
    for batch in file_batches(architecture, files, device):
        found: Iterator[Detections] = iter(())
        if batch.x_NCHW is not None:
            found = iter(detect_with_tta(network, batch.x_NCHW, tta or TtaSettings()))
        for file in batch.files:
            if file.error is not None:
                yield FileDetections(file.path, error=file.error)
                continue
            item = next(found)
            if not item.finite:
                yield FileDetections(file.path, error=NO_NUMBERS)
                continue
            boxes = to_original(item.boxes_B4, file.original_size, size)
            yield FileDetections(file.path, boxes, item.scores_B)


def detect_with_tta(
    network: Callable[[Tensor], Any], x_NCHW: Tensor, tta: TtaSettings
) -> list[Detections]:
    """What is found in each image of a batch, in the pixels of the input as it is."""
    size = (x_NCHW.shape[2], x_NCHW.shape[3])
    shown = first_symmetries(tta.count)
    by_symmetry = [_seen(network, x_NCHW, symmetry, tta.max_iou) for symmetry in shown]
    if len(shown) == 1 and not tta.fusion and tta.max_iou == NMS_THRESH:
        return by_symmetry[0]
    return [_together(image, size, tta) for image in zip(*by_symmetry, strict=True)]


def _seen(
    network: Callable[[Tensor], Any], x_NCHW: Tensor, symmetry: Symmetry, max_iou: float
) -> list[Detections]:
    """What is found in one symmetry of the images, mapped back."""
    size = (x_NCHW.shape[2], x_NCHW.shape[3])
    x_NCHW = symmetry.apply(x_NCHW).contiguous(memory_format=torch.channels_last)
    shown_size = (x_NCHW.shape[2], x_NCHW.shape[3])
    found = found_in(network(x_NCHW), shown_size, max(max_iou, NMS_THRESH))
    return [replace(item, boxes_B4=symmetry.boxes_back(item.boxes_B4, size)) for item in found]


def _together(found: Sequence[Detections], size: tuple[int, int], tta: TtaSettings) -> Detections:
    boxes, scores = [item.boxes_B4 for item in found], [item.scores_B for item in found]
    finite = all(item.finite for item in found)
    if tta.fusion:
        return Detections(*fuse(boxes, scores, size, tta.max_iou), finite)
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    kept = suppress(all_boxes, all_scores, tta.max_iou)
    return Detections(all_boxes[kept], all_scores[kept], finite)
