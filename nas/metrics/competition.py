"""The metric of Kaggle's SIIM-FISABIO-RSNA COVID-19 detection: the mean of six AP at IoU > 0.5.

Four classes are of studies and two of images. Only `opacity` has boxes: the box of the others is
(0, 0, 1, 1), so that one metric serves all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.metrics.average_precision import average_precision
from nas.metrics.boxes import checked_boxes, match_images
from nas.metrics.defined_interval import mean_of_defined

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the original image."""

STUDY_CLASSES = ("negative", "typical", "indeterminate", "atypical")
IMAGE_CLASSES = ("none", "opacity")
UNIT_BOX: Box = (0.0, 0.0, 1.0, 1.0)
"""The box of every class without boxes."""


@dataclass(frozen=True)
class Finding:
    """One predicted class of a study or an image."""

    class_name: str
    confidence: float
    """In 0..1."""
    box: Box = UNIT_BOX


Findings = Mapping[str, Sequence[Finding]]
"""Findings of each study, or of each image, by its id without `_study` or `_image`."""


@dataclass(frozen=True, eq=False)
class CompetitionTruth:
    """Ground truth of each study and each image, by id."""

    studies: Mapping[str, Sequence[str]]
    """The classes of each study: one, or more."""
    images: Mapping[str, ArrayLike]
    """The opacities (T, 4) of each image in its pixels; one without them is of class `none`."""


@dataclass(frozen=True)
class CompetitionMetrics:
    """Average precision of each class, and their mean."""

    average_precision: dict[str, float | None]
    """By class, those of studies first; None for a class that no study or image has."""
    map_50: float | None
    """Mean of those that are not None; None if all are."""


def competition_metrics(
    studies: Findings, images: Findings, truth: CompetitionTruth
) -> CompetitionMetrics:
    """AP of the six classes over all studies and images of the truth together.

    What is true of an id without findings is missed. Raises ValueError for findings of an id that
    the truth does not have.
    """
    of_studies = {
        name: _average_precision(name, studies, _studies_of_class(truth, name))
        for name in STUDY_CLASSES
    }
    of_images = {
        name: _average_precision(name, images, _images_of_class(truth, name))
        for name in IMAGE_CLASSES
    }
    by_class = of_studies | of_images
    mean = float(mean_of_defined(np.array(list(by_class.values()), np.float64)))
    return CompetitionMetrics(by_class, None if np.isnan(mean) else mean)


def _studies_of_class(truth: CompetitionTruth, name: str) -> dict[str, NDArray[np.float64]]:
    """The unit box for each study of a class, no box for the others."""
    return {key: _unit_boxes(name in classes) for key, classes in truth.studies.items()}


def _images_of_class(truth: CompetitionTruth, name: str) -> dict[str, NDArray[np.float64]]:
    """The opacities of each image, or the unit box for each one without them."""
    boxes = {key: checked_boxes(boxes_T4) for key, boxes_T4 in truth.images.items()}
    if name == "opacity":
        return boxes
    return {key: _unit_boxes(len(boxes_T4) == 0) for key, boxes_T4 in boxes.items()}


def _unit_boxes(there: bool) -> NDArray[np.float64]:
    return np.array([UNIT_BOX] * there, np.float64).reshape(-1, 4)


def _average_precision(
    name: str, findings: Findings, truths: Mapping[str, NDArray[np.float64]]
) -> float | None:
    unknown = sorted(findings.keys() - truths.keys())
    if unknown:
        raise ValueError(f"findings of {unknown[0]!r}, which is not in the truth")
    claimed = [
        [finding for finding in findings.get(key, ()) if finding.class_name == name]
        for key in truths
    ]
    matches = match_images(
        [np.array([finding.box for finding in row], np.float64) for row in claimed],
        [np.array([finding.confidence for finding in row], np.float64) for row in claimed],
        list(truths.values()),
    )
    positives = int(matches.positives_G.sum())
    return average_precision(matches.scores_P, matches.hits_P, positives)
