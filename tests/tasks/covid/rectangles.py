"""Pictures of one bright rectangle each, and detectors that find it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from blocks import DetectionOutput
from nas.data.splits import Split
from nas.data.xray.dataset import XRAY_CLASSES, XrayData, XraySet
from nas.data.xray.preprocess import XrayPreprocess
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.tasks.covid.detections import Detections, location_table

Box = tuple[int, int, int, int]
PLAIN = XrayPreprocess(interpolation="nearest", labels="boxes", mean=(0.5,), std=(0.25,))
"""Dark is -2, bright is 2."""


def painted(size: tuple[int, int], box: Box) -> np.ndarray:
    """(H, W) uint8: 255 in the box, else 0."""
    x1, y1, x2, y2 = box
    pixels_HW = np.zeros(size, np.uint8)
    pixels_HW[y1:y2, x1:x2] = 255
    return pixels_HW


def painted_file(path: Path, size: tuple[int, int], box: Box) -> Path:
    """A picture file of that."""
    Image.fromarray(painted(size, box)).save(path)
    return path


def painted_set(size: tuple[int, int], boxes: Sequence[Box | None]) -> XraySet:
    """An image a box, of a patient of its own; None is an image without one."""
    pixels = [painted(size, box or (0, 0, 0, 0)) for box in boxes]
    names = tuple(f"i{number}" for number in range(len(boxes)))
    return XraySet(
        np.stack(pixels)[..., None],
        np.array([int(box is not None) for box in boxes], np.int64),
        tuple(np.array([box] if box else [], np.float32).reshape(-1, 4) for box in boxes),
        np.array([size] * len(boxes)),
        names,
        names,
        names,
        names,
        XRAY_CLASSES["boxes"],
    )


def painted_data(
    size: tuple[int, int], train: Sequence[Box | None], validation: Sequence[Box | None] = ()
) -> XrayData:
    """The task's data of such images."""
    splits: dict[Split, XraySet] = {"train": painted_set(size, train)}
    if validation:
        held = painted_set(size, validation)
        splits |= {"validation": held, "test": held}
    height, width = size
    return XrayData(
        splits=splits,
        classes=XRAY_CLASSES["boxes"],
        source="painted",
        preprocess=PLAIN,
        input=InputSpec(channels=1, height=height, width=width),
    )


def detector_of(height: int, width: int, preprocess: XrayPreprocess = PLAIN) -> ArchitectureSpec:
    """What a detector's folder says of its input; its layers are not looked at."""
    return ArchitectureSpec(
        "rectangles",
        InputSpec(channels=1, height=height, width=width),
        classes=("opacity",),
        head="detection",
        task="covid-detection",
        preprocess=preprocess,
    )


def bright_box(image_CHW: Tensor) -> list[float] | None:
    """The box around what is brighter than the middle."""
    rows, columns = (image_CHW[0] > 0).nonzero(as_tuple=True)
    if not len(rows):
        return None
    return [float(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]


def whole(score: float = 0.9) -> Callable[[Tensor], list[Detections]]:
    """A whole detector of the rectangle."""

    def network(x_NCHW: Tensor) -> list[Detections]:
        found = [bright_box(image_CHW) for image_CHW in x_NCHW]
        return [
            Detections(np.array([box]), np.array([score])) if box else Detections.none()
            for box in found
        ]

    return network


def dense(x_NCHW: Tensor) -> DetectionOutput:
    """As a network with the detection head says it: at the location nearest to its middle."""
    locations_P3 = location_table(x_NCHW.shape[2], x_NCHW.shape[3])
    logits_NP1 = torch.full((len(x_NCHW), len(locations_P3), 1), -20.0)
    sides_NP4 = torch.ones(len(x_NCHW), len(locations_P3), 4)
    for image, image_CHW in enumerate(x_NCHW):
        if (box := bright_box(image_CHW)) is None:
            continue
        x1, y1, x2, y2 = box
        middle_2 = torch.tensor([(x1 + x2) / 2, (y1 + y2) / 2])
        location = int((locations_P3[:, :2] - middle_2).norm(dim=1).argmin())
        x, y, _ = locations_P3[location].tolist()
        logits_NP1[image, location] = 9.0
        sides_NP4[image, location] = torch.tensor([x - x1, y - y1, x2 - x, y2 - y])
    return DetectionOutput(logits_NP1, sides_NP4, torch.full(logits_NP1.shape[:2], 9.0))


def saying(*rows: tuple[int, float, float, tuple[float, ...]]) -> DetectionOutput:
    """One image of 64 x 96: location, class logit, centre logit, sides; the others see nothing."""
    locations = len(location_table(64, 96))
    logits_1P1 = torch.full((1, locations, 1), -20.0)
    sides_1P4 = torch.ones(1, locations, 4)
    centre_1P = torch.zeros(1, locations)
    for location, logit, centre, sides in rows:
        logits_1P1[0, location] = logit
        centre_1P[0, location] = centre
        sides_1P4[0, location] = torch.tensor(sides)
    return DetectionOutput(logits_1P1, sides_1P4, centre_1P)
