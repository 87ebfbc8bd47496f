"""Predictions for picture files, preprocessed as in evaluation."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.data.batches import evaluation_batches
from nas.data.decode import Pixels, UnreadableImage, decode_image
from nas.data.image.dataset import ImageSet
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.preprocess import Preprocess
from nas.tasks.base import Prediction
from nas.tasks.outputs import NO_NUMBERS, not_finite

FILES_AT_ONCE = 64
"""Files that are decoded at once."""


def predict_images(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
) -> Iterator[Prediction]:
    """`class`, `probability` and `probabilities` (by class) of each file, in order."""
    for start in range(0, len(files), FILES_AT_ONCE):
        chosen = files[start : start + FILES_AT_ONCE]
        decoded = [_decode(path, architecture) for path in chosen]
        readable = [image for image in decoded if not isinstance(image, str)]
        rows = iter(_probabilities(network, architecture, readable, device))
        for path, image in zip(chosen, decoded, strict=True):
            if isinstance(image, str):
                yield Prediction(str(path), error=image)
            elif (row := next(rows)) is None:
                yield Prediction(str(path), error=NO_NUMBERS)
            else:
                yield Prediction(str(path), class_values(row, architecture.classes))


def of_pictures(preprocess: Preprocess | None) -> ImagePreprocess:
    """The preprocessing, which must be of pictures. Raises NasError for none or another kind."""
    if preprocess is None:
        raise NasError("does not say how its pictures were prepared", key="preprocess")
    if not isinstance(preprocess, ImagePreprocess):
        raise NasError(
            f"the image task needs preprocessing of the kind image, not {preprocess.kind}",
            key="preprocess.kind",
        )
    return preprocess


def _decode(path: Path, architecture: ArchitectureSpec) -> Pixels | str:
    """Pixels, or why there are none."""
    channels, height, width = architecture.input.shape
    preprocess = of_pictures(architecture.preprocess)
    try:
        return decode_image(path, height, width, channels, preprocess)
    except UnreadableImage as error:
        return str(error)


def _probabilities(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    images: Sequence[Pixels],
    device: torch.device,
) -> list[list[float] | None]:
    """Softmax of the logits, a row a picture; None where they are no numbers."""
    if not images:
        return []
    preprocess = of_pictures(architecture.preprocess)
    labels = np.zeros(len(images), dtype=np.int64)  # not known, and not used
    unlabelled = ImageSet(np.stack(images), labels, ("",) * len(images), architecture.classes)
    batches = evaluation_batches(unlabelled, FILES_AT_ONCE, preprocess, device)
    logits_NK = torch.cat([network(x_NCHW) for x_NCHW, _ in batches])
    rows = logits_NK.float().softmax(dim=1).tolist()
    wrong = not_finite(logits_NK).tolist()
    return [None if bad else row for row, bad in zip(rows, wrong, strict=True)]


def class_values(row: Sequence[float], classes: Sequence[str]) -> dict[str, Any]:
    """The likeliest class, its probability, and those of all classes by name."""
    best = max(range(len(row)), key=row.__getitem__)
    return {
        "class": classes[best],
        "probability": row[best],
        "probabilities": dict(zip(classes, row, strict=True)),
    }
