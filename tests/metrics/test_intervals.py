"""The bootstrap interval: against a plain bootstrap, and how often it holds the truth."""

import numpy as np

from nas.metrics.f1 import confusion_matrix, macro_f1, macro_f1_of
from nas.metrics.intervals import confusion_interval, macro_f1_sd


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
    interval = confusion_interval(
        macro_f1_of, confusion_matrix(labels, predictions, 4), resamples=20_000
    )
    np.testing.assert_allclose(interval, np.quantile(plain, (0.025, 0.975)), atol=0.006)


def test_is_seeded_and_narrows_with_samples() -> None:
    few, many = np.repeat(np.arange(3), 20), np.repeat(np.arange(3), 500)
    many_right, few_right = (
        confusion_matrix(labels, _predictions(labels, 3, 0.7, 0), 3) for labels in (many, few)
    )
    narrow = confusion_interval(macro_f1_of, many_right)
    wide = confusion_interval(macro_f1_of, few_right)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    assert narrow == confusion_interval(macro_f1_of, many_right)


def test_holds_the_truth_about_as_often_as_it_says() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]])
    counts = np.array([120, 80, 40])
    truth = macro_f1_of(np.rint(shares * counts[:, None]).astype(np.int64))
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        low, high = confusion_interval(
            macro_f1_of, generator.multinomial(counts, shares), resamples=300
        )
        held += low <= truth <= high
    assert 0.90 <= held / 300 <= 0.99


def test_certain_predictions_have_no_spread_and_an_absent_class_is_no_error() -> None:
    assert confusion_interval(macro_f1_of, np.eye(3, dtype=np.int64)) == (1.0, 1.0)
    low, high = confusion_interval(macro_f1_of, confusion_matrix([0, 0, 1, 1], [0, 0, 1, 0], 3))
    assert 0 <= low <= high <= 2 / 3


def test_macro_f1_sd_is_how_much_resamples_scatter() -> None:
    generator = np.random.default_rng(5)
    for classes, right in ((3, 10), (10, 60), (40, 20)):
        wrong = generator.integers(0, 5, (classes, classes))
        confusion = wrong + right * np.eye(classes, dtype=np.int64)
        counts = confusion.sum(axis=1)
        draws = generator.multinomial(counts, confusion / counts[:, None], size=(4_000, classes))
        np.testing.assert_allclose(macro_f1_sd(confusion), macro_f1_of(draws).std(), rtol=0.08)


def test_few_samples_that_are_all_right_leave_doubt() -> None:
    sds = [macro_f1_sd(np.diag([count] * 3)) for count in (1, 5, 50, 5_000)]
    assert sds == sorted(sds, reverse=True)
    assert sds[0] > 0.1
    assert 0 < sds[-1] < 0.001


def test_macro_f1_sd_of_few_and_of_no_samples() -> None:
    assert macro_f1_sd(np.array([[5, 0, 0], [2, 3, 0], [0, 0, 0]])) > 0
    assert macro_f1_sd(np.zeros((3, 3), np.int64)) == 0
