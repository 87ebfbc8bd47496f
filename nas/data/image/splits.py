"""Splits of images into train, validation and test: as given, else stratified and by group."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nas.data.image.source import ImageFile
from nas.data.splits import Split

VALIDATION_SHARE = 0.15
TEST_SHARE = 0.20

GroupKey = tuple[bool, str]
"""`(True, group)`, or `(False, path)` of a file that is a group of its own."""


def divide_images(
    files: Sequence[ImageFile], seed: int, labels: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[ImageFile, ...]:
    """`files` with every split named; a missing test and validation split is taken from train.

    The same for any order of `files`, and for the same keys anywhere. Each class gives its share
    to within half an image (with groups: as near as whole groups come), at least one image if it
    has one to spare, and never its last group of train. `labels` by key, one or more a file, stand
    in place of the files' own.
    """
    given = {file.split for file in files}
    assigned = {file.key: file.split or "train" for file in files}
    groups = {file.key: _group_key(file) for file in files}
    labels = labels or {file.key: (file.label,) for file in files}
    # Shares are of the images that train had at first, whichever splits are made.
    pool = Counter(
        label for key, split in assigned.items() if split == "train" for label in labels[key]
    )
    missing: list[tuple[Split, float]] = [("test", TEST_SHARE), ("validation", VALIDATION_SHARE)]
    missing = [(split, share) for split, share in missing if split not in given]
    for position, (split, share) in enumerate(missing):
        members = [key for key in sorted(assigned) if assigned[key] == "train"]
        # A class needs a group for this split, one for each later split, and one for train.
        needed = len(missing) - position + 1
        held = _hold_out(
            {key: labels[key] for key in members},
            {key: groups[key] for key in members},
            {label: share * count for label, count in pool.items()},
            needed,
            np.random.default_rng([seed, int(split == "test")]),
        )
        assigned.update(dict.fromkeys(held, split))
    return tuple(replace(file, split=assigned[file.key]) for file in files)


def _group_key(file: ImageFile) -> GroupKey:
    return (False, file.key) if file.group is None else (True, file.group)


def _hold_out(
    labels: Mapping[str, tuple[str, ...]],
    groups: Mapping[str, GroupKey],
    targets: Mapping[str, float],
    needed: int,
    generator: np.random.Generator,
) -> list[str]:
    """Keys of whole groups that together come near `targets`, images of each class.

    Greedy, large groups first and in random order among equals: a group is held out if that
    lessens the squared distance to the targets, each class divided by its size, and leaves each
    of its classes another group (scikit-learn's StratifiedGroupKFold chooses folds alike, but may
    empty a class).
    """
    counts: defaultdict[GroupKey, Counter[str]] = defaultdict(Counter)
    for key, own in labels.items():
        counts[groups[key]].update(own)
    left = Counter(label for classes in counts.values() for label in classes)
    sizes = Counter(label for own in labels.values() for label in own)
    aims = {label: max(targets[label], 1.0 if left[label] >= needed else 0.0) for label in sizes}
    # By files, not by labels: else files with many labels would all be held out.
    files = Counter(groups[key] for key in labels)
    names = list(counts)
    order = [names[position] for position in generator.permutation(len(names))]
    held: set[GroupKey] = set()
    images: Counter[str] = Counter()
    for group in sorted(order, key=lambda name: -files[name]):
        change = sum(
            ((images[label] + count - aims[label]) ** 2 - (images[label] - aims[label]) ** 2)
            / sizes[label]
            for label, count in counts[group].items()
        )
        if change < 0 and all(left[label] > 1 for label in counts[group]):
            held.add(group)
            images.update(counts[group])
            left.subtract(counts[group].keys())
    return [key for key in labels if groups[key] in held]
