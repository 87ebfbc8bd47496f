"""The data set that comes with the installed packages: scikit-learn's handwritten digits."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from nas.data.dataset import DataRequest
from nas.data.decode import Pixels
from nas.data.image.dataset import ImageData, ImageSet
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.source import ImageFile
from nas.data.image.splits import divide_images
from nas.data.splits import Split
from nas.spec.definition import InputSpec

DIGITS_SOURCE = "scikit-learn's handwritten digits"
_SPLIT_SEED = 0


def load_digits(request: DataRequest) -> ImageData:
    """1,797 real 8x8 images in 10 classes, enlarged bilinearly, grey repeated over the channels.

    The split into train, validation and test (1,168, 270 and 359 images) is the same everywhere.
    Never turned: digits have an upright position. Source: UCI, Optical Recognition of Handwritten
    Digits, test part, as `sklearn.datasets.load_digits` ships it.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    labels_N = digits.target.astype(np.int64)
    classes = tuple(str(name) for name in digits.target_names)
    keys = [f"digits/{position:04d}" for position in range(len(labels_N))]
    listed = [
        ImageFile(key, path=Path(key), label=str(label))
        for key, label in zip(keys, labels_N, strict=True)
    ]
    divided = np.array([file.split for file in divide_images(listed, _SPLIT_SEED)])
    splits: dict[Split, ImageSet] = {}
    for split in request.splits:
        members = np.flatnonzero(divided == split)
        pixels = enlarge_grey(digits.images[members], request.input)
        paths = tuple(keys[member] for member in members)
        splits[split] = ImageSet(pixels, labels_N[members], paths, classes)
    return ImageData(
        splits=splits,
        classes=classes,
        source=DIGITS_SOURCE,
        preprocess=request.preprocess_of(ImagePreprocess),
        input=request.input,
    )


def enlarge_grey(grey_NHW: np.ndarray, size: InputSpec) -> Pixels:
    """Pixels (N, H, W, C) of grey images (N, H, W) whose values go from 0 to 16."""
    x_N1HW = torch.from_numpy(grey_NHW).float()[:, None] * (255 / 16)
    shape = (size.height, size.width)
    x_N1HW = functional.interpolate(x_N1HW, shape, mode="bilinear", antialias=True)
    pixels_NHW = x_N1HW[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()
    return np.repeat(pixels_NHW[..., None], size.channels, axis=3)
