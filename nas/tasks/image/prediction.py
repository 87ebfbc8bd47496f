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
    for path, logits_K in picture_logits(network, architecture, files, device):
        if isinstance(logits_K, str):
            yield Prediction(str(path), error=logits_K)
        elif not_finite(logits_K[None]).item():
            yield Prediction(str(path), error=NO_NUMBERS)
        else:
            row = logits_K.float().softmax(dim=0).tolist()
            yield Prediction(str(path), class_values(row, architecture.classes))


def picture_logits(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    files: Sequence[Path],
    device: torch.device,
) -> Iterator[tuple[Path, Tensor | str]]:
    """The network's outputs for each file, in order, or why there are none."""
    for start in range(0, len(files), FILES_AT_ONCE):
        chosen = files[start : start + FILES_AT_ONCE]
        decoded = [_decode(path, architecture) for path in chosen]
        readable = [image for image in decoded if not isinstance(image, str)]
        rows = iter(_logits(network, architecture, readable, device))
        for path, image in zip(chosen, decoded, strict=True):
            yield path, image if isinstance(image, str) else next(rows)


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


def _logits(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    images: Sequence[Pixels],
    device: torch.device,
) -> Sequence[Tensor]:
    """A row a picture."""
    if not images:
        return ()
    preprocess = of_pictures(architecture.preprocess)
    labels = np.zeros(len(images), dtype=np.int64)  # not known, and not used
    unlabelled = ImageSet(np.stack(images), labels, ("",) * len(images), architecture.classes)
    batches = evaluation_batches(unlabelled, FILES_AT_ONCE, preprocess, device)
    return torch.cat([network(x_NCHW) for x_NCHW, _ in batches]).unbind()


def class_values(row: Sequence[float], classes: Sequence[str]) -> dict[str, Any]:
    """The likeliest class, its probability, and those of all classes by name."""
    best = max(range(len(row)), key=row.__getitem__)
    return {
        "class": classes[best],
        "probability": row[best],
        "probabilities": dict(zip(classes, row, strict=True)),
    }
