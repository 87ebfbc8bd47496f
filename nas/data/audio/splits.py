"""Splits of recordings into train, validation and test, stratified by their events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import Split

VALIDATION_SHARE = 0.25
"""Of the training recordings' events, where no validation split is given."""
TEST_SHARE = 0.20
"""The same where no test split is given."""


@dataclass(frozen=True)
class RecordingEvents:
    """A recording as the division sees it."""

    key: str
    classes: tuple[str, ...]
    """Class of each event."""
    split: Split | None = None
    """Where the data set says it."""
    group: str | None = None
    """Recordings of one group go together."""


def divide_recordings(recordings: Sequence[RecordingEvents], seed: int) -> dict[str, Split]:
    """Split of each recording by its key; validation, and test if none is given, come from train.

    The same for any order of `recordings`. Each class gives near its share of events, and the split
    near its share of recordings; a class keeps a group in train, and gives one to each split if it
    has as many. (Pictures are divided by nas.data.image.splits: those have one class each.)
    What is known to be absent is not shared out.
    """
    splits: dict[str, Split] = {item.key: item.split or "train" for item in recordings}
    given = {item.split for item in recordings}
    shares: list[tuple[Split, float]] = [("test", TEST_SHARE), ("validation", VALIDATION_SHARE)]
    shares = [(split, share) for split, share in shares if split not in given]
    pool = sorted((item for item in recordings if item.split is None), key=lambda item: item.key)
    if not pool:
        return splits
    groups, counts_GK = _group_counts(pool)
    aims_SK = np.array([share for _, share in shares])[:, None] * counts_GK.sum(axis=0)
    free_G = np.ones(len(counts_GK), dtype=bool)
    for position, (split, _) in enumerate(shares):
        generator = np.random.default_rng([seed, int(split == "test")])
        # A class needs a group for this split, one for each later split, and one for train.
        needed = len(shares) - position + 1
        members = np.flatnonzero(free_G)
        held = members[_hold_out(counts_GK[members], aims_SK[position], needed, generator)]
        free_G[held] = False
        splits.update({pool[i].key: split for i in np.flatnonzero(np.isin(groups, held))})
    return splits


def _group_counts(
    recordings: Sequence[RecordingEvents],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of each recording's group, and events of each class in each group (G, K).

    A last column counts the recordings: those without an event are shared out by it.
    """
    names = [(item.group is not None, item.group or item.key) for item in recordings]
    number = {name: position for position, name in enumerate(dict.fromkeys(names))}
    classes = sorted({name for item in recordings for name in item.classes})
    groups = np.array([number[name] for name in names])
    counts_GK = np.zeros((len(number), len(classes) + 1))
    for group, item in zip(groups, recordings, strict=True):
        counts_GK[group, -1] += 1
        for name in item.classes:
            counts_GK[group, classes.index(name)] += 1
    return groups, counts_GK


def _hold_out(
    counts_GK: NDArray[np.float64],
    aims_K: NDArray[np.float64],
    needed: int,
    generator: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which groups are held out so that their events come near `aims_K`.

    From a random start, the one group is put in or taken out that most lessens the squared distance
    to the aims, each class divided by its size, until none does.
    """
    has_GK = counts_GK > 0
    aims_K = np.where(has_GK.sum(axis=0) >= needed, np.maximum(aims_K, 1.0), aims_K)
    weights_K = 1 / counts_GK.sum(axis=0).clip(min=1)
    held_G = np.zeros(len(counts_GK), dtype=bool)
    for group in generator.permutation(len(counts_GK)):
        if counts_GK[held_G, -1].sum() < aims_K[-1]:
            held_G[group] = _keeps_classes(has_GK, held_G)[group]
    while True:
        surplus_K = counts_GK[held_G].sum(axis=0) - aims_K
        moves_GK = np.where(held_G[:, None], -counts_GK, counts_GK)
        change_G = ((2 * surplus_K + moves_GK) * moves_GK * weights_K).sum(axis=1)
        change_G[~held_G & ~_keeps_classes(has_GK, held_G)] = np.inf
        best = int(change_G.argmin())
        # Below rounding error there would be no end.
        if change_G[best] > -1e-9:
            return held_G
        held_G[best] = not held_G[best]


def _keeps_classes(has_GK: NDArray[np.bool_], held_G: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether every class of a group stays in train when that group goes too (G,)."""
    left_K = has_GK[~held_G].sum(axis=0)
    return np.asarray(~(has_GK & (left_K <= 1)).any(axis=1))
