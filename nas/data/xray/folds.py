"""Five folds of a data set, each class and each group's images kept as the division demands."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.data.splits import Split

FOLDS = 5


@dataclass(frozen=True)
class FoldItem:
    """What the folds are made by."""

    id: str
    label: str
    group: str
    """Items of one group go together."""


def make_folds(items: Sequence[FoldItem], seed: int) -> dict[str, int]:
    """Fold of each item, 0 to 4, by its id: no group is divided, each class is spread evenly.

    The same for any order of `items` (scikit-learn's StratifiedGroupKFold on the ids in order,
    shuffled by `seed`). Raises ValueError for fewer than five groups and where no class has five
    items.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    ordered = sorted(items, key=lambda item: item.id)
    labels = np.array([item.label for item in ordered])
    groups = np.array([item.group for item in ordered])
    divider = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    folds: dict[str, int] = {}
    with warnings.catch_warnings():
        # That a class is smaller than the folds are many is judged where splits are made.
        warnings.simplefilter("ignore", UserWarning)
        divided = list(divider.split(np.zeros(len(ordered)), labels, groups))
    for fold, (_, members) in enumerate(divided):
        folds |= {ordered[position].id: fold for position in members}
    return folds


def partition_of(seed: int) -> int:
    """Which shuffling a seed means: seeds 0 to 4 are the five folds of one partition."""
    return seed // FOLDS


def split_of_fold(fold: int, seed: int, *, test_given: bool) -> Split:
    """What a fold serves as: test is fold `seed % 5` and validation the next, the rest is train.

    Where a test split is given, validation is fold `seed % 5`.
    """
    held: tuple[Split, ...] = ("validation",) if test_given else ("test", "validation")
    position = (fold - seed) % FOLDS
    return held[position] if position < len(held) else "train"
