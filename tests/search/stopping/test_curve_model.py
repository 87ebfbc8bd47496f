"""The model of learning curves against its closed form, worked out another way."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_t

from nas.search.stopping.curve_model import (
    LEVEL_VARIANCE,
    PRIOR_CURVES,
    PRIOR_SD,
    SLOPE_VARIANCE,
    CurveModel,
    level_of,
    metric_at,
)
from nas.search.stopping.rule import LearningCurve


def curves(count: int, *, noise: float = 0.02, seed: int = 0) -> list[LearningCurve]:
    """Finished curves of 4 epochs after a short run of 2; finals follow MACs and the curve."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        macs = int(10 ** generator.uniform(5.5, 7))
        short = 0.2 + 0.05 * np.log10(macs / 1e6) + generator.normal(0, 0.03)
        second = short + 0.1 + generator.normal(0, 0.02)
        final = metric_at(level_of(second) + 0.3 + generator.normal(0, noise))
        first = float(generator.normal(0.1, 0.02))
        full = (first, float(second), float(second) - 0.02, float(final))
        made.append(LearningCurve(number, macs, full, (0.05, float(short)), finished=True))
    return made


def design_of(known: list[LearningCurve], curve: LearningCurve) -> np.ndarray:
    """Rows of the regression after 2 epochs, by hand; the last one is that of `curve`."""
    rows = np.array(
        [
            [
                np.log(item.cost),
                -np.log(1 - item.full[1]),
                -np.log((1 - item.full[0]) * (1 - item.full[1])) / 2,
            ]
            for item in [*known, curve]
        ]
    )
    rows = (rows - rows[:-1].mean(0)) / rows[:-1].std(0)
    return np.column_stack([np.ones(len(rows)), rows])


@pytest.mark.parametrize("count", [3, 6, 20])
def test_prediction_is_the_ratio_of_marginal_likelihoods(count: int) -> None:
    known = curves(count)
    curve = curves(1, seed=9)[0]
    found = CurveModel(known).predict(replace(curve, full=curve.full[:2], finished=False))
    design = design_of(known, curve)
    gains = np.array([-np.log(1 - c.full[3]) + np.log(1 - c.full[1]) for c in known])
    prior = np.diag([LEVEL_VARIANCE] + [SLOPE_VARIANCE] * 3)
    scale = PRIOR_SD**2 / 2 * (np.eye(count + 1) + design @ prior @ design.T)
    joint = multivariate_t(np.zeros(count + 1), scale, df=PRIOR_CURVES)
    gain = found.level - level_of(curve.full[1])
    wide = 60 * found.spread

    def density(value: float) -> float:
        return float(np.exp(joint.logpdf([*gains, value]) - peak))

    peak = joint.logpdf([*gains, gain])
    ends, middle = (gain - wide, gain + wide), [gain]
    total = quad(density, *ends, points=middle, limit=400)[0]
    mean = quad(lambda y: y * density(y), *ends, points=middle, limit=400)[0] / total
    square = quad(lambda y: (y - mean) ** 2 * density(y), *ends, points=middle, limit=400)[0]
    assert found.level == pytest.approx(level_of(curve.full[1]) + mean, abs=1e-4)
    assert found.spread == pytest.approx(np.sqrt(square / total), rel=5e-3)


def test_with_many_curves_it_is_ordinary_least_squares() -> None:
    known, curve = curves(400), curves(1, seed=9)[0]
    found = CurveModel(known).predict(replace(curve, full=curve.full[:2]))
    design = design_of(known, curve)
    gains = np.array([level_of(c.full[3]) - level_of(c.full[1]) for c in known])
    weights, squares, *_ = np.linalg.lstsq(design[:-1], gains, rcond=None)
    assert found.level - level_of(curve.full[1]) == pytest.approx(design[-1] @ weights, abs=3e-3)
    prior = PRIOR_CURVES * PRIOR_SD**2 / 2  # half of the epochs are left
    assert found.spread == pytest.approx(np.sqrt((squares[0] + prior) / (400 - 4)), rel=0.02)


def test_nothing_known_predicts_no_gain_and_knows_that_it_knows_nothing() -> None:
    found = CurveModel([]).predict(LearningCurve(0, 10**6, (0.3, 0.4)))
    assert found.mean == pytest.approx(0.4)
    assert found.optimistic(1) > 0.8


def test_few_curves_are_wider_than_many() -> None:
    curve = replace(curves(1, seed=9)[0], full=())
    spreads = [CurveModel(curves(count)).predict(curve).spread for count in (2, 5, 10, 40)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] > 3 * spreads[-1]


def test_two_deviations_hold_nineteen_of_twenty() -> None:
    inside = total = 0
    for seed in range(60):
        known = curves(8, seed=seed)
        for curve in curves(5, seed=1_000 + seed):
            found = CurveModel(known).predict(replace(curve, full=curve.full[:2]))
            inside += abs(level_of(curve.best) - found.level) <= 2 * found.spread
            total += 1
    assert inside / total > 0.95


def test_short_runs_are_compared_with_those_of_their_length() -> None:
    known, curve = curves(6), replace(curves(1, seed=9)[0], full=())
    for short in ((), (0.4,)):
        odd = [replace(item, short=short, full=(0.9,) * 4) for item in known]
        assert CurveModel([*known, *odd]).predict(curve) == CurveModel(known).predict(curve)
        far = replace(curve, full=(0.1, 0.3))
        assert CurveModel([*known, *odd]).predict(far) != CurveModel(known).predict(far)


def test_the_short_run_tells_by_its_best_and_its_mean() -> None:
    known, curve = curves(12), replace(curves(1, seed=9)[0], full=())
    found = CurveModel(known).predict(curve)
    assert CurveModel(known).predict(replace(curve, short=curve.short[::-1])) == found
    for short in ((0.05, curve.short[1] + 0.01), (0.06, curve.short[1])):
        assert CurveModel(known).predict(replace(curve, short=short)) != found


def test_metric_scale_goes_there_and_back() -> None:
    assert metric_at(level_of(0.37)) == pytest.approx(0.37)
    assert level_of(0.5) == pytest.approx(np.log(2))
    assert np.isfinite(level_of(1.0))
    low, high = metric_at(level_of(0.6) - 1e-4), metric_at(level_of(0.6) + 1e-4)
    found = CurveModel([]).predict(LearningCurve(0, 1, (0.6,)))
    assert found.sd / found.spread == pytest.approx((high - low) / 2e-4, rel=1e-3)


def test_equal_networks_are_no_division_by_zero() -> None:
    same = [LearningCurve(number, 5, (0.3, 0.5), finished=True) for number in range(5)]
    found = CurveModel(same).predict(LearningCurve(9, 5, (0.3,)))
    assert found.mean == pytest.approx(0.5, abs=1e-3)
    assert found.sd > 0


def test_a_prediction_is_a_metric_and_not_below_what_was_reached() -> None:
    falling = [
        LearningCurve(n, 10**6, (0.5, 0.52 + 0.02 * n), (0.5 + 0.02 * n,), finished=True)
        for n in range(5)
    ]
    above = CurveModel(falling).predict(LearningCurve(9, 10**6, (0.9,), (0.5,)))
    assert above.mean >= 0.9
    assert metric_at(-3.0) == 0.0
    below = CurveModel(falling).predict(LearningCurve(9, 10**6, (), (0.01,)))
    assert 0 <= below.mean < 0.5
    lower = [replace(item, full=(0.1, 0.2)) for item in falling]
    assert CurveModel(lower).predict(LearningCurve(9, 10**6, (), (0.54,))).mean < 0.3
