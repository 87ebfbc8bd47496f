"""The data set that comes with the installed packages: scikit-learn's handwritten digits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from nas.data.image.dataset import ImageData, ImageSet, Pixels
from nas.data.image.listing import ImageFile
from nas.data.image.splits import assign_splits
from nas.data.splits import Split
from nas.spec.definition import InputSpec

DIGITS_SOURCE = "scikit-learn's handwritten digits"
_SPLIT_SEED = 0


def load_digits(size: InputSpec, splits: Sequence[Split]) -> ImageData:
    """1,797 real 8x8 images in 10 classes, enlarged bilinearly, grey repeated over the channels.

    The split into train, validation and test (1,168, 270 and 359 images) is the same everywhere.
    Never turned: digits have an upright position. Source: UCI, Optical Recognition of Handwritten
    Digits, test part, as `sklearn.datasets.load_digits` ships it.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    labels = digits.target.astype(np.int64)
    classes = tuple(str(name) for name in digits.target_names)
    keys = [f"digits/{position:04d}" for position in range(len(labels))]
    listed = [
        ImageFile(key, path=Path(key), label=str(label))
        for key, label in zip(keys, labels, strict=True)
    ]
    assigned = np.array([file.split for file in assign_splits(listed, _SPLIT_SEED)])
    parts: dict[Split, ImageSet] = {}
    for split in splits:
        members = np.flatnonzero(assigned == split)
        pixels = _enlarge(digits.images[members], size)
        paths = tuple(keys[member] for member in members)
        parts[split] = ImageSet(pixels, labels[members], paths, classes)
    return ImageData(
        parts.get("train"), parts.get("validation"), parts.get("test"), classes, DIGITS_SOURCE
    )


def _enlarge(grey: np.ndarray, size: InputSpec) -> Pixels:
    """Pixels (N, H, W, C) of images (N, 8, 8) whose values go from 0 to 16."""
    x_N1HW = torch.from_numpy(grey).float()[:, None] * (255 / 16)
    x_N1HW = functional.interpolate(
        x_N1HW, (size.height, size.width), mode="bilinear", antialias=True
    )
    grey_NHW = x_N1HW[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()
    return np.repeat(grey_NHW[..., None], size.channels, axis=3)
