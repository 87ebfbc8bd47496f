"""Samplers: in which order, and how often, training images are drawn."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import RandomSampler, Sampler, WeightedRandomSampler

from nas.errors import did_you_mean

SamplerKind = Literal["none", "inverse", "softened"]

DEFAULT_SAMPLER: SamplerKind = "softened"
"""Sampler where nothing is said of it."""
_EXPONENTS: dict[str, float] = {"inverse": 1.0, "softened": 0.5}


def build_sampler(
    kind: SamplerKind | None, labels: NDArray[np.int64], generator: torch.Generator
) -> Sampler[int]:
    """Sampler of one epoch of `len(labels)` positions.

    none: each image once, shuffled. inverse: with replacement, each with weight 1 / (images of its
    class), so that all classes are drawn equally often. softened: weight 1 / sqrt(images of its
    class), so that a class of n images is drawn in proportion to sqrt(n): half-way between the two
    (square-root sampling, Mahajan et al. 2018, section 2.2). None is `DEFAULT_SAMPLER`.
    """
    counts = np.bincount(labels)
    return sampler_by_counts(kind or DEFAULT_SAMPLER, counts[labels], generator)


def sampler_by_counts(
    kind: SamplerKind, counts_N: NDArray[np.int64], generator: torch.Generator
) -> Sampler[int]:
    """The same for images of whose class there are `counts_N`."""
    if kind == "none":
        return RandomSampler(range(len(counts_N)), generator=generator)
    if kind not in _EXPONENTS:
        allowed = ("none", *_EXPONENTS)
        raise ValueError(f"no sampler {kind!r}{did_you_mean(kind, allowed)}")
    weights = counts_N.astype(np.float64) ** -_EXPONENTS[kind]
    return WeightedRandomSampler(weights.tolist(), len(counts_N), generator=generator)
