"""Rank correlations against scipy and against what must come out."""

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from benchmarks.hints import within_bands
from benchmarks.rank_correlation import bootstrapped, kendall, partial_spearman, spearman


@pytest.fixture
def columns() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    given = generator.normal(size=200)
    x = given + generator.normal(size=200)
    return x, np.round(given + 0.5 * x + generator.normal(size=200), 1), given


def test_spearman_with_ties(columns: tuple[np.ndarray, ...]) -> None:
    x, y, _ = columns
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert np.isnan(spearman(np.ones(200), y))


def test_kendall_by_hand() -> None:
    """Of six pairs five agree."""
    assert kendall(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])) == pytest.approx(4 / 6)


def test_partial_is_the_correlation_of_residuals(columns: tuple[np.ndarray, ...]) -> None:
    x, y, given = map(rankdata, columns)
    design = np.stack([np.ones(200), given], axis=1)
    rest = [column - design @ np.linalg.lstsq(design, column, rcond=None)[0] for column in (x, y)]
    assert partial_spearman(*columns) == pytest.approx(pearsonr(*rest).statistic)
    assert np.isnan(partial_spearman(x, y, x))


def test_interval_holds_the_value_and_narrows(columns: tuple[np.ndarray, ...]) -> None:
    x, y, _ = columns
    few, many = bootstrapped(spearman, x[:20], y[:20]), bootstrapped(spearman, x, y)
    for estimate in (few, many):
        assert estimate.low < estimate.value < estimate.high
    assert many.high - many.low < few.high - few.low
    # Fisher's z: SD about 1.06 / sqrt(n - 3)
    z = np.arctanh(many.value) + np.array([-1, 1]) * 1.96 * 1.03 / np.sqrt(197)
    assert np.allclose([many.low, many.high], np.tanh(z), atol=0.04)


def test_within_bands_forgets_what_the_bands_tell() -> None:
    """Rises from band to band, falls within each."""
    band = np.repeat([1.0, 2.0, 3.0], 5)
    x = np.arange(15.0)
    y = 10 * band - np.tile(np.arange(5.0), 3)
    assert within_bands(3)(x, y, band) == pytest.approx(-1)
    assert spearman(x, y) > 0.5
