"""Overlap of boxes, and which of them match a true box, as PASCAL VOC counts.

A box is (x1, y1, x2, y2) in pixels, x to the right and y down, with continuous edges: it is
x2 - x1 wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.finite import finite_list, finite_numbers

Boxes = NDArray[np.float64]

MIN_IOU = 0.5
"""A box matches a true box with an IoU above this."""


@dataclass(frozen=True, eq=False)
class Matches:
    """The P boxes found in G images, image by image, and which are hits."""

    scores_P: NDArray[np.float64]
    hits_P: NDArray[np.bool_]
    image_P: NDArray[np.int64]
    """Number of the image of each box."""
    positives_G: NDArray[np.int64]
    """True boxes of each image."""


def checked_boxes(boxes_B4: ArrayLike) -> Boxes:
    """The boxes as float64 (B, 4); an empty list is none.

    Raises ValueError for another shape and for coordinates that are no finite numbers.
    """
    boxes = finite_numbers(boxes_B4, "coordinates")
    if boxes.shape == (0,):
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must have shape (boxes, 4), but have {boxes.shape}")
    return boxes


def scored_boxes(boxes_B4: ArrayLike, scores_B: ArrayLike) -> tuple[Boxes, NDArray[np.float64]]:
    """`checked_boxes` and their scores (B,). Raises ValueError for another number of them too."""
    boxes, scores = checked_boxes(boxes_B4), finite_list(scores_B, "scores")
    if len(boxes) != len(scores):
        raise ValueError(f"{len(boxes)} boxes, but {len(scores)} scores")
    return boxes, scores


def areas(boxes_B4: Boxes) -> NDArray[np.float64]:
    """Area (B,) in square pixels; 0 where x2 is not right of x1 or y2 not below y1."""
    sides_B2 = np.maximum(boxes_B4[..., 2:] - boxes_B4[..., :2], 0)
    product: NDArray[np.float64] = sides_B2.prod(axis=-1)
    return product


def iou_matrix(a_A4: ArrayLike, b_B4: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union, shape (A, B), in 0..1; a box without area overlaps nothing."""
    a_A14, b_1B4 = checked_boxes(a_A4)[:, None], checked_boxes(b_B4)[None]
    corners = (np.maximum(a_A14, b_1B4)[..., :2], np.minimum(a_A14, b_1B4)[..., 2:])
    shared_AB = areas(np.concatenate(corners, axis=-1))
    union_AB = areas(a_A14) + areas(b_1B4) - shared_AB
    return np.divide(shared_AB, union_AB, out=np.zeros_like(shared_AB), where=shared_AB > 0)


def match_boxes(
    boxes_B4: ArrayLike, scores_B: ArrayLike, truths_T4: ArrayLike, min_iou: float = MIN_IOU
) -> NDArray[np.bool_]:
    """Which of one image's boxes are hits (B,); the others are false alarms.

    By falling score, and of equal scores in the order given, each box takes the truth that it
    overlaps most, of several the first. It is a hit if their IoU is more than `min_iou` and no box
    before it has hit that truth, even if another truth were free (Everingham et al. 2010, The
    PASCAL Visual Object Classes (VOC) Challenge). A box so depends on none of lower score.
    """
    (boxes, scores), truths = scored_boxes(boxes_B4, scores_B), checked_boxes(truths_T4)
    hits_B = np.zeros(len(boxes), bool)
    if len(truths):
        iou_BT = iou_matrix(boxes, truths)
        falling = np.argsort(-scores, kind="stable")
        near = falling[iou_BT.max(axis=1)[falling] > min_iou]
        _, first = np.unique(iou_BT.argmax(axis=1)[near], return_index=True)
        hits_B[near[first]] = True
    return hits_B


def match_images(
    boxes: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    truths: Sequence[ArrayLike],
    min_iou: float = MIN_IOU,
) -> Matches:
    """`match_boxes` of each image; an image may have no boxes, no truths or neither."""
    images = list(zip(boxes, scores, truths, strict=True))
    hits = [match_boxes(*image, min_iou) for image in images]
    counts_G = np.array([len(hits_B) for hits_B in hits], np.int64)
    return Matches(
        scores_P=np.concatenate([np.zeros(0), *(finite_list(row, "scores") for row in scores)]),
        hits_P=np.concatenate([np.zeros(0, bool), *hits]),
        image_P=np.repeat(np.arange(len(images)), counts_G),
        positives_G=np.array([len(checked_boxes(truth)) for truth in truths], np.int64),
    )
