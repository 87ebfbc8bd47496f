"""Detectors by name: architecture, training settings, cost, published figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from baselines.covid.published import (
    PUBLISHED_DETECTIONS,
    PUBLISHED_LEADERBOARD,
    PublishedDetection,
    published_detections,
)
from baselines.listing import Listed, listing
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError, did_you_mean
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.training import TrainingSpec
from nas.text_table import UNKNOWN

INPUT = InputSpec(channels=3, height=512, width=512)
"""The diary's: from 256 to 512 pixels the loss fell from 1.3821 to 0.9952 (002-ver16)."""


@dataclass(frozen=True)
class Detector:
    """A whole detector of another library."""

    name: str
    model: str
    """As an architecture file's `model` names it."""
    backbone: str
    """The classifier whose weights its backbone takes (`--backbone-from`)."""


def _efficientdet(number: int) -> Detector:
    # D7 has D6's backbone and a larger input
    name = f"efficientdet_d{number}"
    return Detector(name, f"baselines.covid.effdet:{name}", f"efficientnet_b{min(number, 6)}")


def _faster_rcnn(name: str, backbone: str) -> Detector:
    return Detector(name, f"baselines.covid.faster_rcnn:{name}", backbone)


DETECTORS = {
    detector.name: detector
    for detector in (
        *(_efficientdet(number) for number in range(8)),
        _faster_rcnn("fasterrcnn_resnet50_fpn", "resnet50"),
        _faster_rcnn("fasterrcnn_mobilenet_v3_large_fpn", "mobilenet_v3_large"),
        _faster_rcnn("fasterrcnn_mobilenet_v3_large_320_fpn", "mobilenet_v3_large"),
    )
}
"""By name: the diary's, and the ones that it wanted and did not get to work."""


def detector_named(name: str) -> Detector:
    """Raises NasError for a name that is not among `DETECTORS`."""
    if name not in DETECTORS:
        raise NasError(f"no detector {name!r}{did_you_mean(name, DETECTORS)}", key="--model")
    return DETECTORS[name]


def detector_architecture(
    detector: Detector, size: InputSpec, preprocess: XrayPreprocess | None = None
) -> ArchitectureSpec:
    """The architecture that `nas train` would be given for it."""
    return ArchitectureSpec(
        name=detector.name,
        input=size,
        model=detector.model,
        classes=("opacity",),
        head="none",
        task="covid-detection",
        preprocess=preprocess,
    )


FROM_WEIGHTS = TrainingSpec(epochs=10, batch_size=16, learning_rate=3e-4, weight_decay=0.01)
"""With published weights or a classifier's: the diary's (002-ver20 on, AdamW).

Three times the epochs overfitted (ver21), lower rates were worse (ver18, ver33). It doesn't say its
decay; this is AdamW's own.
"""

FROM_SCRATCH = TrainingSpec(epochs=50, batch_size=8, learning_rate=1e-3, weight_decay=0.01)
"""From random weights: epochs and batches are those of the compact networks' space."""


def detection_training(*, has_weights: bool) -> TrainingSpec:
    """The settings for a network that begins with trained weights, all or a backbone's, or not."""
    return FROM_WEIGHTS if has_weights else FROM_SCRATCH


def detector_listing() -> list[str]:
    """A line for each detector and each published version, costs counted on one image.

    Raises NasError if effdet is not installed.
    """
    size = "x".join(map(str, INPUT.shape))
    return listing(
        "detector",
        ("opacity mAP", "loss"),
        (
            Listed(name, detector_cost(detector), _figures(published_detections(name)))
            for name, detector in DETECTORS.items()
        ),
        (
            f"MACs and parameters: one image of {size}; Faster R-CNN with all regions it may look "
            "at.",
            "Published: the diary's own, on its folds of Kaggle's images; from ver29 on it does "
            "not",
            "say which EfficientDet it was. Its last leaderboard score of all six classes: "
            f"{PUBLISHED_LEADERBOARD}.",
        ),
        untold=_figures([row for row in PUBLISHED_DETECTIONS if row.model not in DETECTORS]),
    )


def detector_cost(detector: Detector) -> MacsReport:
    """Of one image at the pipeline's own input size."""
    architecture = detector_architecture(detector, INPUT)
    return count_macs(build_network(architecture), INPUT.shape)


def _figures(rows: Sequence[PublishedDetection]) -> list[tuple[str, ...]]:
    """The cells of each published version."""
    return [
        (_figure(row.opacity_map), _figure(row.train_loss), f"{row.version}: {row.setting}")
        for row in rows
    ]


def _figure(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:.4f}"
