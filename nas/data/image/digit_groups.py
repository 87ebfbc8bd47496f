"""Built-in pictures with several labels: handwritten digits, none to three in a picture."""

import numpy as np

from nas.data.dataset import DataRequest, TaskData
from nas.data.image.digits import enlarge_grey
from nas.data.image.multilabel import MultilabelData, MultilabelSet
from nas.data.image.preprocess import ImagePreprocess
from nas.data.splits import SPLITS, Split

DIGIT_GROUPS_SOURCE = "groups of scikit-learn's handwritten digits"
_PICTURES: dict[Split, int] = {"train": 1200, "validation": 300, "test": 300}
_DIGITS: dict[Split, tuple[int, int]] = {
    "train": (0, 1200),
    "validation": (1200, 1480),
    "test": (1480, 1797),
}
"""Digits that a split's pictures are made of: none is in two splits."""
_MOST = 3


def load_digit_groups(request: DataRequest) -> MultilabelData:
    """Pictures of 16x16 with 0 to 3 real digits of 8x8 in different quarters, enlarged.

    1,200 of train, 300 of validation and 300 of test, the same everywhere; the labels are the
    digits that stand in a picture, all known.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    classes = tuple(str(name) for name in digits.target_names)
    splits: dict[Split, MultilabelSet] = {}
    for split in request.splits:
        generator = np.random.default_rng([0, SPLITS.index(split)])
        number = _PICTURES[split]
        grey_NHW = np.zeros((number, 16, 16))
        marks_NK = np.full((number, len(classes)), -1, np.int8)
        for n in range(number):
            quarters = generator.permutation(4)[: generator.integers(_MOST + 1)]
            for quarter in quarters:
                chosen = generator.integers(*_DIGITS[split])
                y, x = 8 * (quarter // 2), 8 * (quarter % 2)
                grey_NHW[n, y : y + 8, x : x + 8] = digits.images[chosen]
                marks_NK[n, digits.target[chosen]] = 1
        splits[split] = MultilabelSet(
            enlarge_grey(grey_NHW, request.input),
            marks_NK,
            np.arange(number),
            tuple(f"digits/{split}/{n:04d}" for n in range(number)),
            classes,
        )
    return TaskData(
        splits=splits,
        classes=classes,
        source=DIGIT_GROUPS_SOURCE,
        preprocess=request.preprocess_of(ImagePreprocess),
        input=request.input,
    )
