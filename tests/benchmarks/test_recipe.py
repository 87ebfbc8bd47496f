"""How training pictures are thinned, which settings a change stands for, and the table."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from benchmarks.recipe import CHANGES, Measured, changed, gain_text, kept_counts, table, thinned
from nas.data.augment import AugmentSpec
from nas.data.dataset import DataRequest
from nas.data.image.digits import load_digits
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec


def test_classes_keep_ever_fewer_pictures() -> None:
    generator = np.random.default_rng(0)
    counts = np.array([90, 40, 60, 50])
    assert kept_counts(counts, None, 1, generator).tolist() == counts.tolist()
    assert kept_counts(counts, 50, 1, generator).tolist() == [50, 40, 50, 50]
    assert sorted(kept_counts(counts, None, 8, generator)) == [5, 10, 20, 40]


def test_what_is_left_out_is_validated_on() -> None:
    data = load_digits(DataRequest(None, InputSpec(height=8, width=8)))
    less = thinned(data, 20, 4, seed=0)
    train, validation = less.split("train"), less.split("validation")
    assert (max(train.class_counts), min(train.class_counts)) == (20, 5)
    before = {*data.split("train").paths, *data.split("validation").paths}
    assert not set(train.paths) & set(validation.paths)
    assert {*train.paths, *validation.paths} == before
    assert thinned(data, None, 1, seed=0) is data


def test_a_change_is_of_what_it_says() -> None:
    data = load_digits(DataRequest(None, InputSpec(height=16, width=32)))
    plain = TrainingSpec(epochs=2)

    def settings(change: str) -> TrainingSpec:
        return changed(plain, change, data, seed=3, built_in=False)

    own = settings("own")
    assert (own.loss, own.sampler, own.augment) == (LossSpec(), "softened", AugmentSpec())
    assert (own.seed, own.epochs) == (3, 2)
    smooth = settings("even+smooth")
    assert smooth.loss == LossSpec(kind="cross_entropy", label_smoothing=0.1)
    assert (smooth.sampler, smooth.augment) == ("none", own.augment)
    assert settings("2 pixels").augment == AugmentSpec(crop_padding=2 / 32)
    with pytest.raises(NasError, match="no change 'other'"):
        settings("other")


def measured(change: str, seed: int, macro_f1: float, data: str = "a") -> Measured:
    return Measured(data, change, seed, 1.0, 10, 2, macro_f1, 1.0)


def test_gains_are_of_pairs_with_students_interval() -> None:
    items = [measured("own", seed, f1) for seed, f1 in enumerate((0.5, 0.6, 0.7))]
    items += [measured("even", seed, f1) for seed, f1 in enumerate((0.52, 0.61, 0.75))]
    items += [measured("smooth", 2, 0.6)]
    items += [
        Measured("b", change, 0, 9.0, 10, 2, f1, 1.0)
        for change, f1 in (("own", 0.5), ("even", 0.4))
    ]
    head, row, uneven, pooled, pooled_uneven = table(items)
    assert [name for name in head.split("  ") if name.strip()][3].strip() == "even"
    low, high = ttest_1samp([0.02, 0.01, 0.05], 0).confidence_interval(0.95)
    half = (high - low) / 2
    assert row.split()[:4] == ["a", "1.0", "0.600", "+0.027"]
    assert row.split()[4:8] == [f"+-{half:.3f}", "(3)", "-", "-0.100"]
    assert row.split()[8:] == ["-"] * (len(CHANGES) - 4)
    assert uneven.split()[:4] == ["b", "9.0", "0.500", "-0.100"]
    assert pooled.split()[:5] == ["all", "up", "to", "2", "+0.027"]
    assert pooled_uneven.split()[:4] == ["all", "from", "8", "-0.100"]
    assert gain_text([]) == "-"
