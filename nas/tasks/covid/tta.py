"""The boxes that a detector finds in files, seen in several views where asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class View:
    """One way to show an image: mirrored, turned upside down, then transposed."""

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


VIEWS = (
    View("as it is"),
    View("mirrored", mirrored=True),
    View("upside down", upside_down=True),
    View("half a turn", mirrored=True, upside_down=True),
    View("transposed", transposed=True),
    View("mirrored, transposed", mirrored=True, transposed=True),
    View("upside down, transposed", upside_down=True, transposed=True),
    View("half a turn, transposed", mirrored=True, upside_down=True, transposed=True),
)
"""All eight; the first four leave height and width."""


def first_views(count: int) -> tuple[View, ...]:
    """The first 1 to 8 views; 1 is the image as it is. Raises ValueError for another count."""
    if not 1 <= count <= len(VIEWS):
        raise ValueError(f"{count} views of {len(VIEWS)}")
    return VIEWS[:count]


@dataclass(frozen=True)
class Views:
    """In how many views an image is shown, and how what is found in them is put together."""

    count: int = 1
    """1 is the image as it is, 8 all symmetries of the square."""
    fusion: bool = False
    """Weighted boxes fusion in place of suppression."""
    max_iou: float = NMS_THRESH
    """Boxes that overlap more are one: the best of them, or all fused."""


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
    views: Views | None = None,
) -> Iterator[FileDetections]:
    """What a detector finds in each file, in order."""
    size = (architecture.input.height, architecture.input.width)
    for batch in file_batches(architecture, files, device):
        found: Iterator[Detections] = iter(())
        if batch.x_NCHW is not None:
            found = iter(detect_in_views(network, batch.x_NCHW, views or Views()))
        for file in batch.files:
            if file.error is not None:
                yield FileDetections(file.path, error=file.error)
                continue
            item = next(found)
            boxes = to_original(item.boxes_B4, file.original_size, size)
            yield FileDetections(file.path, boxes, item.scores_B)


def detect_in_views(
    network: Callable[[Tensor], Any], x_NCHW: Tensor, views: Views
) -> list[Detections]:
    """What is found in each image of a batch, in the pixels of the input as it is."""
    size = (x_NCHW.shape[2], x_NCHW.shape[3])
    shown = first_views(views.count)
    by_view = [_seen(network, x_NCHW, view, size) for view in shown]
    if len(shown) == 1 and not views.fusion and views.max_iou == NMS_THRESH:
        return by_view[0]
    return [_together(image, size, views) for image in zip(*by_view, strict=True)]


def _seen(
    network: Callable[[Tensor], Any], x_NCHW: Tensor, view: View, size: tuple[int, int]
) -> list[Detections]:
    """What is found in one view, mapped back."""
    x_NCHW = view.apply(x_NCHW).contiguous(memory_format=torch.channels_last)
    found = found_in(network(x_NCHW), (x_NCHW.shape[2], x_NCHW.shape[3]))
    return [Detections(view.boxes_back(item.boxes_B4, size), item.scores_B) for item in found]


def _together(found: Sequence[Detections], size: tuple[int, int], views: Views) -> Detections:
    boxes, scores = [item.boxes_B4 for item in found], [item.scores_B for item in found]
    if views.fusion:
        return Detections(*fuse(boxes, scores, size, views.max_iou))
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    kept = suppress(all_boxes, all_scores, views.max_iou)
    return Detections(all_boxes[kept], all_scores[kept])
