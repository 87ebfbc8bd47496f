"""The big detectors by name."""

from dataclasses import dataclass

from nas.errors import NasError, did_you_mean
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.preprocess import XrayPreprocess

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
