"""Searches of made-up networks for a floor of the metric."""

import optuna
import pytest

from benchmarks.floor import VALIDATION_SD, repeat, searched


@pytest.fixture(autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_the_samples_error_is_shared_by_all_and_no_part_of_the_truth() -> None:
    plain, truths = searched(5, 0, 0.01)
    shifted, same = searched(5, 0, 0.01, shift=0.1)
    assert truths == same
    differences = [
        b.values[1] - a.values[1] for a, b in zip(plain.trials, shifted.trials, strict=True)
    ]
    assert differences == pytest.approx([0.1] * 5)


def test_a_floor_below_all_is_promised_and_one_above_all_is_not() -> None:
    low = repeat(12, 0, 0.1 * VALIDATION_SD, quantile=0.0, seeds=2)
    assert low.true
    high = repeat(12, 0, 0.1 * VALIDATION_SD, quantile=1.0, seeds=2)
    assert not high.sure
