"""All detectors as plain text: what each costs, and what the diary published of it."""

from baselines.covid.detectors import DETECTORS, INPUT, Detector, detector_architecture
from baselines.covid.published_detection import (
    PUBLISHED_DETECTIONS,
    PUBLISHED_LEADERBOARD,
    PublishedDetection,
    published_detections,
)
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.spec.quantity import UNKNOWN, count_text
from nas.text_table import aligned

_HEAD = ("detector", "MACs", "parameters", "opacity mAP", "loss", "published as")


def detector_listing() -> list[str]:
    """A line for each detector and each published version, costs counted on one image.

    Raises NasError if effdet is not installed.
    """
    rows = [row for detector in DETECTORS.values() for row in _rows(detector)]
    others = [row for row in PUBLISHED_DETECTIONS if row.model not in DETECTORS]
    rows += [
        ("not told" if row is others[0] else "", UNKNOWN, UNKNOWN, *_figures(row)) for row in others
    ]
    size = "x".join(map(str, INPUT.shape))
    return [
        *aligned([_HEAD, *rows], left={0, 5}),
        "",
        f"MACs and parameters: one image of {size}; Faster R-CNN with all regions it may look at.",
        "Published: the diary's own, on its folds of Kaggle's images; from ver29 on it does not",
        "say which EfficientDet it was. Its last leaderboard score of all six classes: "
        f"{PUBLISHED_LEADERBOARD}.",
    ]


def detector_cost(detector: Detector) -> MacsReport:
    """Of one image at the pipeline's own input size."""
    architecture = detector_architecture(detector, INPUT)
    return count_macs(build_network(architecture), INPUT.shape)


def _rows(detector: Detector) -> list[tuple[str, ...]]:
    cost = detector_cost(detector)
    start = (detector.name, count_text(cost.total), count_text(cost.parameters))
    published = published_detections(detector.name)
    if not published:
        return [(*start, UNKNOWN, UNKNOWN, "not published")]
    return [
        (*(start if row is published[0] else ("", "", "")), *_figures(row)) for row in published
    ]


def _figures(row: PublishedDetection) -> tuple[str, ...]:
    numbers = (row.opacity_map, row.train_loss)
    shown = (UNKNOWN if number is None else f"{number:.4f}" for number in numbers)
    return (*shown, f"{row.version}: {row.setting}")
