"""The bootstrap interval: against a plain bootstrap, and how often it holds the truth."""

import tracemalloc

import numpy as np
import pytest

from nas.metrics.confusion import Confusion
from nas.metrics.f1 import macro_f1, macro_f1_of
from nas.metrics.intervals import macro_f1_interval, macro_f1_sd


def _predictions(labels: np.ndarray, classes: int, right: float, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    wrong = generator.integers(0, classes, labels.size)
    return np.where(generator.random(labels.size) < right, labels, wrong)


def test_agrees_with_resampling_the_samples() -> None:
    labels = np.repeat(np.arange(4), [80, 60, 40, 12])
    predictions = _predictions(labels, 4, 0.6, seed=1)
    generator = np.random.default_rng(2)
    groups = [np.flatnonzero(labels == k) for k in range(4)]
    plain = []
    for _ in range(2000):
        drawn = np.concatenate([generator.choice(group, group.size) for group in groups])
        plain.append(macro_f1(labels[drawn], predictions[drawn], 4))
    interval = macro_f1_interval(Confusion.of(labels, predictions, 4), resamples=20_000)
    np.testing.assert_allclose(interval, np.quantile(plain, (0.025, 0.975)), atol=0.006)


def test_is_seeded_and_narrows_with_samples() -> None:
    few, many = np.repeat(np.arange(3), 20), np.repeat(np.arange(3), 500)
    many_right, few_right = (
        Confusion.of(labels, _predictions(labels, 3, 0.7, 0), 3) for labels in (many, few)
    )
    narrow = macro_f1_interval(many_right)
    wide = macro_f1_interval(few_right)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    assert narrow == macro_f1_interval(many_right)


def test_holds_the_truth_about_as_often_as_it_says() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]])
    counts = np.array([120, 80, 40])
    truth = macro_f1_of(np.rint(shares * counts[:, None]).astype(np.int64))
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        confusion = Confusion.of_matrix(generator.multinomial(counts, shares))
        low, high = macro_f1_interval(confusion, resamples=300)
        held += low <= truth <= high
    assert 0.90 <= held / 300 <= 0.99


def test_certain_predictions_have_no_spread_and_an_absent_class_is_no_error() -> None:
    assert macro_f1_interval(Confusion.of_matrix(np.eye(3))) == (1.0, 1.0)
    low, high = macro_f1_interval(Confusion.of([0, 0, 1, 1], [0, 0, 1, 0], 3))
    assert 0 <= low <= high <= 2 / 3


def test_macro_f1_sd_is_how_much_resamples_scatter() -> None:
    generator = np.random.default_rng(5)
    for classes, right in ((3, 10), (10, 60), (40, 20)):
        wrong = generator.integers(0, 5, (classes, classes))
        confusion = wrong + right * np.eye(classes, dtype=np.int64)
        counts = confusion.sum(axis=1)
        draws = generator.multinomial(counts, confusion / counts[:, None], size=(4_000, classes))
        told = macro_f1_sd(Confusion.of_matrix(confusion))
        np.testing.assert_allclose(told, macro_f1_of(draws).std(), rtol=0.08)


def test_few_samples_that_are_all_right_leave_doubt() -> None:
    sds = [macro_f1_sd(Confusion.of_matrix(np.diag([count] * 3))) for count in (1, 5, 50, 5_000)]
    assert sds == sorted(sds, reverse=True)
    assert sds[0] > 0.1
    assert 0 < sds[-1] < 0.001


def test_macro_f1_sd_of_few_and_of_no_samples() -> None:
    assert macro_f1_sd(Confusion.of_matrix([[5, 0, 0], [2, 3, 0], [0, 0, 0]])) > 0
    assert macro_f1_sd(Confusion.of_matrix(np.zeros((3, 3)))) == 0


def test_interval_is_that_of_the_whole_matrix() -> None:
    """Row by row, cells of 0 too, as the definition has it: the very same draws."""
    generator = np.random.default_rng(8)
    for classes in (2, 3, 30):
        matrix = generator.integers(0, 4, (classes, classes)) * (generator.random(classes) < 0.5)
        matrix += np.diag(generator.integers(0, 9, classes))
        matrix[0] = 0  # a class without samples
        counts = matrix.sum(axis=1)
        shares = matrix / np.maximum(counts, 1)[:, None]
        shares[counts == 0] = 1 / classes
        draws = np.random.default_rng(0).multinomial(counts, shares, size=(1000, classes))
        expected = np.quantile(macro_f1_of(draws), (0.025, 0.975))
        assert macro_f1_interval(Confusion.of_matrix(matrix)) == tuple(expected)


def test_many_classes_are_resampled_as_few_are() -> None:
    """By pairs in rows of several lengths; against drawing the samples themselves."""
    generator = np.random.default_rng(3)
    labels = np.concatenate([np.repeat(np.arange(300), 3), np.zeros(400, np.int64)])
    predictions = _predictions(labels, 300, 0.7, seed=4)
    order = np.argsort(labels, kind="stable")
    labels, predictions = labels[order], predictions[order]
    starts = np.searchsorted(labels, labels)
    sizes = np.bincount(labels)[labels]
    plain = [
        macro_f1(labels, predictions[starts + generator.integers(0, sizes)], 300)
        for _ in range(3000)
    ]
    interval = macro_f1_interval(Confusion.of(labels, predictions, 300), resamples=3000)
    np.testing.assert_allclose(interval, np.quantile(plain, (0.025, 0.975)), atol=0.004)


@pytest.mark.slow
def test_thousands_of_classes_take_little_memory() -> None:
    """A whole matrix of 25,000 classes would be 5 GB."""
    labels = np.repeat(np.arange(25_000), 2)
    predictions = np.where(np.arange(50_000) % 2, labels, 0)
    confusion = Confusion.of(labels, predictions, 25_000)
    tracemalloc.start()
    low, high = macro_f1_interval(confusion, resamples=20)
    sd = macro_f1_sd(confusion)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    assert 0 < low < high < 2 / 3
    assert 0 < sd < 0.01
