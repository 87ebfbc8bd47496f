"""The boxes that a detector finds in files, seen in several views where asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.metrics.boxes import Boxes
from nas.spec.architecture import ArchitectureSpec
from nas.tasks.covid.box_scaling import to_original
from nas.tasks.covid.detections import MAX_IOU, Detections, found_in
from nas.tasks.covid.inputs import file_batches
from nas.tasks.covid.suppression import fuse, suppress
from nas.tasks.covid.views import View, first_views


@dataclass(frozen=True)
class Views:
    """In how many views an image is shown, and how what is found in them is put together."""

    count: int = 1
    """1 is the image as it is, 8 all symmetries of the square."""
    fusion: bool = False
    """Weighted boxes fusion in place of suppression."""
    max_iou: float = MAX_IOU
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
    if len(shown) == 1 and not views.fusion and views.max_iou == MAX_IOU:
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
