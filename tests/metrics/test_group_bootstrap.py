"""Bootstrap over groups: against copying the drawn groups, and how often it holds the truth."""

import numpy as np
import pytest

from nas.metrics.group_bootstrap import (
    drawn,
    group_draws,
    group_interval,
    group_macro_f1_sd,
    group_sd,
    lwlrap_interval,
)
from nas.metrics.lwlrap import lwlrap, ranking_precisions
from nas.metrics.multilabel import macro_f1_of


def counts_of(groups: int, seed: int, right: float = 0.8) -> np.ndarray:
    """Counts (groups, 3, 3) of recordings, each one easier or harder as a whole."""
    generator = np.random.default_rng(seed)
    ease = np.clip(generator.normal(right, 0.15, groups), 0.02, 0.98)
    positives = generator.poisson([2.0, 1.0, 3.0], (groups, 3))
    hits = generator.binomial(positives, ease[:, None])
    false = generator.poisson(3 * (1 - ease[:, None]), (groups, 3))
    return np.stack([hits, false, positives - hits], axis=-1)


def test_draws_are_of_whole_groups_as_many_as_there_are() -> None:
    draws = group_draws(7, resamples=4000, seed=1)
    assert draws.shape == (4000, 7)
    assert (draws.sum(axis=1) == 7).all()
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(draws.var(axis=0), 6 / 7, atol=0.08)


def test_agrees_with_copying_the_drawn_groups() -> None:
    counts = counts_of(30, seed=2)
    generator = np.random.default_rng(3)
    plain = [
        float(macro_f1_of(counts[generator.integers(0, 30, 30)].sum(axis=0))) for _ in range(4000)
    ]
    metric = drawn(macro_f1_of, counts)
    interval = group_interval(metric, 30, resamples=20_000)
    np.testing.assert_allclose(interval, np.quantile(plain, (0.025, 0.975)), atol=0.006)
    assert group_sd(metric, 30, resamples=20_000) == pytest.approx(np.std(plain), rel=0.05)


def test_lwlrap_agrees_with_copying_the_drawn_recordings() -> None:
    generator = np.random.default_rng(4)
    truth = generator.random((25, 6)) < 0.3
    scores = 0.4 * truth + generator.random((25, 6))
    draws = generator.integers(0, 25, (3000, 25))
    plain = [lwlrap(truth[draw], scores[draw]) for draw in draws]
    interval = lwlrap_interval(*ranking_precisions(truth, scores), resamples=20_000)
    np.testing.assert_allclose(interval, np.quantile(plain, (0.025, 0.975)), atol=0.006)


def test_holds_the_truth_about_as_often_as_it_says() -> None:
    truth = float(macro_f1_of(counts_of(200_000, seed=5).sum(axis=0)))
    held = 0
    for seed in range(300):
        low, high = group_interval(drawn(macro_f1_of, counts_of(40, seed)), 40, resamples=300)
        held += low <= truth <= high
    assert 0.89 <= held / 300 <= 0.99


def test_sd_is_how_much_other_recordings_scatter() -> None:
    values = [float(macro_f1_of(counts_of(40, seed).sum(axis=0))) for seed in range(600)]
    told = [group_macro_f1_sd(counts_of(40, seed)) for seed in range(20)]
    assert np.mean(told) == pytest.approx(np.std(values), rel=0.2)


def test_a_few_recordings_that_are_all_right_are_not_certain() -> None:
    all_right = np.tile([[2, 0, 0], [1, 0, 0], [0, 0, 0]], (5, 1, 1))
    assert group_sd(drawn(macro_f1_of, all_right), 5) == 0
    few, many = group_macro_f1_sd(all_right), group_macro_f1_sd(np.tile(all_right, (20, 1, 1)))
    assert 0.02 < few < 0.1
    assert many < few / 8
    assert group_macro_f1_sd(all_right) == few


def test_a_class_that_a_draw_leaves_out_is_not_averaged() -> None:
    counts = np.array([[[4, 0, 0], [0, 0, 0]], [[4, 0, 0], [1, 0, 0]]])
    assert group_interval(drawn(macro_f1_of, counts), 2) == (1.0, 1.0)
