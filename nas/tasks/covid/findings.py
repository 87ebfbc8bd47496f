"""Findings of studies and images for a submission, from the networks' predictions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.cache import default_cache_dir
from nas.data.splits import Split
from nas.data.xray.dataset import ListedXray
from nas.data.xray.listing import list_xrays
from nas.data.xray.source import xray_files
from nas.errors import NasError
from nas.metrics.competition import STUDY_CLASSES, Box, CompetitionTruth, Finding
from nas.tasks.base import Prediction
from nas.tasks.covid.submission import Submission
from nas.tasks.covid.suppression import (
    OPACITY_EXPONENT,
    dropped_where_none,
    none_confidence,
    weighed_by_opacity,
)
from nas.tasks.covid.tta import FileDetections

Classifier = Callable[[Sequence[Path]], Iterable[Prediction]]
"""From files to a prediction with `probabilities` for each, in order."""
Detector = Callable[[Sequence[Path]], Iterable[FileDetections]]
"""From files to the boxes found in each, in order."""


@dataclass(frozen=True)
class SubmittedXray:
    """An image with a row in a submission."""

    image_id: str
    study_id: str
    path: Path


@dataclass(frozen=True)
class SubmissionNetworks:
    """Networks of a submission; None for one that is not used."""

    study: Classifier | None = None
    """Of the four classes of studies."""
    opacity: Classifier | None = None
    """Of opacity and none."""
    detector: Detector | None = None


@dataclass(frozen=True)
class NoneRules:
    """How a classifier of opacity / none changes an image's boxes."""

    exponent: float = OPACITY_EXPONENT
    """Of 1 - p(none), which scores are multiplied by; 0 leaves them."""
    limit: float | None = None
    """Probability of none above which no box is left; None keeps them all."""


@dataclass(frozen=True)
class BuiltSubmission:
    """A submission, and the unreadable files."""

    submission: Submission
    unreadable: tuple[str, ...]
    """`PATH: REASON`, each once."""


def build_submission(
    xrays: Sequence[SubmittedXray], networks: SubmissionNetworks, rules: NoneRules
) -> BuiltSubmission:
    """A row for each study and each image; empty where no network, or no file, tells of it.

    A study's confidences are the mean of its images' probabilities. Without `opacity` an image's
    confidence of `none` is 1 - its highest score, and scores stay as they are.
    """
    files, reasons = [xray.path for xray in xrays], dict[str, str]()
    of_studies = _study_rows(xrays, _probabilities(networks.study, files, reasons))
    known = _probabilities(networks.opacity, files, reasons)
    none = [None if row is None else row["none"] for row in known]
    found = _detections(networks.detector, files, reasons)
    images = {
        xray.image_id: image_findings(boxes, probability, rules)
        for xray, boxes, probability in zip(xrays, found, none, strict=True)
    }
    unreadable = tuple(f"{path}: {reason}" for path, reason in reasons.items())
    return BuiltSubmission(Submission(of_studies, images), unreadable)


def image_findings(
    found: FileDetections | None, none_probability: float | None, rules: NoneRules
) -> tuple[Finding, ...]:
    """The opacities of one image by falling confidence, then `none`; empty for nothing known."""
    if found is None:
        return () if none_probability is None else (Finding("none", none_probability),)
    boxes, scores = found.boxes_B4, found.scores_B
    if none_probability is None:
        none_probability = none_confidence(float(scores.max(initial=0.0)))
    else:
        scores = weighed_by_opacity(scores, none_probability, rules.exponent)
        if rules.limit is not None:
            boxes, scores = dropped_where_none(boxes, scores, none_probability, rules.limit)
    opacities = [
        Finding("opacity", float(score), _box(sides))
        for sides, score in zip(boxes.tolist(), scores.tolist(), strict=True)
    ]
    return (*opacities, Finding("none", none_probability))


def _box(sides: Sequence[float]) -> Box:
    x1, y1, x2, y2 = sides
    return x1, y1, x2, y2


def _study_rows(
    xrays: Sequence[SubmittedXray], probabilities: Sequence[Mapping[str, float] | None]
) -> dict[str, tuple[Finding, ...]]:
    known: defaultdict[str, list[Mapping[str, float]]] = defaultdict(list)
    for xray, row in zip(xrays, probabilities, strict=True):
        if row is not None:
            known[xray.study_id].append(row)
    return {
        key: tuple(
            Finding(name, float(np.mean([row[name] for row in known[key]])))
            for name in STUDY_CLASSES
            if known[key]
        )
        for key in dict.fromkeys(xray.study_id for xray in xrays)
    }


def _probabilities(
    classifier: Classifier | None, files: Sequence[Path], reasons: dict[str, str]
) -> list[Mapping[str, float] | None]:
    """By class for each file; None without a classifier, and where a file can't be read."""
    if classifier is None:
        return [None] * len(files)
    rows: list[Mapping[str, float] | None] = []
    for item in classifier(files):
        if item.error is not None:
            reasons[item.file] = item.error
        rows.append(None if item.error is not None else item.values["probabilities"])
    return rows


def _detections(
    detector: Detector | None, files: Sequence[Path], reasons: dict[str, str]
) -> list[FileDetections | None]:
    if detector is None:
        return [None] * len(files)
    rows: list[FileDetections | None] = []
    for item in detector(files):
        if item.error is not None:
            reasons[str(item.path)] = item.error
        rows.append(None if item.error is not None else item)
    return rows


def xrays_in(folder: Path) -> list[SubmittedXray]:
    """The X-rays of `FOLDER/STUDY/SERIES/IMAGE.dcm` or `FOLDER/STUDY/IMAGE.jpg`, by image id.

    An image's id is its file's name, its study's the folder right below `folder`. Raises NasError
    for an id that two files have, a file outside of a study's folder, and for no files.
    """
    found = []
    for image_id, path in sorted(xray_files(folder).items()):
        study, *rest = path.relative_to(folder).parts
        if not rest:
            raise NasError("lies in no study's folder; needed is STUDY/IMAGE below this", file=path)
        found.append(SubmittedXray(image_id, study, path))
    return found


def listed_for_submission(
    data: Path, split: Split | None, fold: int, groups: Path | None = None
) -> tuple[ListedXray, ...]:
    """The images of a labelled data set, or of one split of it (with this fold as its test split).

    `groups` is the table that the folds keep together. Raises NasError for data that are none, and
    for a split without images.
    """
    listing = list_xrays(data, fold, groups, default_cache_dir())
    chosen = tuple(item for item in listing.files if split in (None, item.split))
    if not chosen:
        raise NasError(f"no images in the {split} split", file=data)
    return chosen


def submitted(images: Sequence[ListedXray]) -> list[SubmittedXray]:
    """The same images as rows of a submission."""
    return [SubmittedXray(item.id, item.study_id, item.path) for item in images]


def truth_of(images: Sequence[ListedXray]) -> CompetitionTruth:
    """Ground truth of these images and their studies, from the tables."""
    return CompetitionTruth(
        {item.study_id: (item.study_class,) for item in images},
        {item.id: list(item.boxes) for item in images},
    )
