"""How often each class is drawn."""

import numpy as np
import pytest
import torch
from torch.utils.data import RandomSampler, WeightedRandomSampler

from nas.data.sampler import build_sampler

COUNTS = (900, 100, 400)
LABELS = np.repeat(np.arange(3), COUNTS)


def drawn_shares(kind: str, epochs: int = 40) -> np.ndarray:
    sampler = build_sampler(kind, LABELS, torch.Generator().manual_seed(0))
    drawn = np.concatenate([LABELS[list(sampler)] for _ in range(epochs)])
    return np.bincount(drawn) / len(drawn)


# A class of n images is drawn in proportion to n, 1 and sqrt(n): 900, 100, 400 give 30, 10, 20.
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("none", (900 / 1400, 100 / 1400, 400 / 1400)),
        ("inverse", (1 / 3, 1 / 3, 1 / 3)),
        ("softened", (30 / 60, 10 / 60, 20 / 60)),
    ],
)
def test_shares(kind: str, expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(drawn_shares(kind), expected, atol=0.008)


def test_kinds_and_lengths() -> None:
    generator = torch.Generator()
    assert isinstance(build_sampler("none", LABELS, generator), RandomSampler)
    assert isinstance(build_sampler("inverse", LABELS, generator), WeightedRandomSampler)
    assert sorted(build_sampler("none", LABELS, generator)) == list(range(1400))
    assert len(list(build_sampler("softened", LABELS, generator))) == 1400
    with pytest.raises(ValueError, match="did you mean 'inverse'"):
        build_sampler("invers", LABELS, generator)


@pytest.mark.parametrize("kind", ["none", "inverse", "softened"])
def test_the_generator_decides(kind: str) -> None:
    first, again, other = (
        list(build_sampler(kind, LABELS, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_class_without_images() -> None:
    labels = np.array([0, 0, 2])
    assert len(list(build_sampler("inverse", labels, torch.Generator()))) == 3
