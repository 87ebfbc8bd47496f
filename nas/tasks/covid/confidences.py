"""Confidences of a detector's boxes, weighed by a classifier of opacity / none."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.boxes import Boxes, scored_boxes
from nas.metrics.finite import finite_list

OPACITY_EXPONENT = 0.3
"""Of 0.1, 0.2, 0.3 and 0.4 the one of the highest mAP (0.2619) in the seed's records."""
NONE_LIMIT = 0.8
"""Probability of `none` above which the seed first dropped an image's boxes."""


def weighed_by_opacity(
    scores_B: ArrayLike, none_probability: float, exponent: float = OPACITY_EXPONENT
) -> NDArray[np.float64]:
    """Scores (B,) of an image's boxes, times (1 - none)^exponent.

    The order within an image stays; boxes of images that are sure to have an opacity move above
    those of others. Raises ValueError for a probability outside of 0..1 and a negative exponent.
    """
    if exponent < 0:
        raise ValueError(f"exponent {exponent} is negative")
    weight = none_confidence(none_probability) ** exponent
    weighed_B: NDArray[np.float64] = finite_list(scores_B, "scores") * weight
    return weighed_B


def dropped_where_none(
    boxes_B4: ArrayLike, scores_B: ArrayLike, none_probability: float, limit: float = NONE_LIMIT
) -> tuple[Boxes, NDArray[np.float64]]:
    """An image's boxes and scores, or none of them where `none` is likelier than `limit`.

    Average precision loses by it where scores are weighed already: a false alarm of low confidence
    costs next to nothing, a hit that is dropped is lost.
    """
    boxes, scores = scored_boxes(boxes_B4, scores_B)
    kept = slice(0) if _probability(none_probability) > limit else slice(None)
    return boxes[kept], scores[kept]


def none_confidence(opacity_probability: float) -> float:
    """Confidence of `none`, 1 - p. Raises ValueError for a probability outside of 0..1."""
    return 1 - _probability(opacity_probability)


def _probability(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"probability {value} is not in 0..1")
    return float(value)
