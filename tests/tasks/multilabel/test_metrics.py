"""Metrics of many labels against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as sk

from nas.errors import NasError
from nas.metrics.group_bootstrap import group_draws
from nas.metrics.ranked_precision import ranked_precision, ranked_precision_draws
from nas.tasks.multilabel.metrics import LabelScores, MultilabelMetrics

CLASSES = ("a", "b", "c")
HALF = dict.fromkeys(CLASSES, 0.5)


def made(pictures: int = 200, *, unknown: float = 0.0) -> LabelScores:
    generator = np.random.default_rng(1)
    marks_NK = np.where(generator.random((pictures, 3)) < (0.5, 0.2, 0.1), 1, -1).astype(np.int8)
    scores_NK = np.round(generator.random((pictures, 3)) * 0.7 + 0.3 * (marks_NK == 1), 2)
    marks_NK[generator.random(marks_NK.shape) < unknown] = 0
    return LabelScores(scores_NK, marks_NK, np.arange(pictures) // 2)


def test_figures_are_scikit_learns() -> None:
    scores = made()
    found = MultilabelMetrics.from_scores(scores, CLASSES, HALF)
    truth, called = scores.marks_NK == 1, scores.scores_NK >= 0.5
    assert found.macro_f1 == pytest.approx(sk.f1_score(truth, called, average="macro"))
    assert found.micro_f1 == pytest.approx(sk.f1_score(truth, called, average="micro"))
    assert found.macro_auc == pytest.approx(sk.roc_auc_score(truth, scores.scores_NK))
    expected = sk.average_precision_score(truth, scores.scores_NK)
    assert found.mean_average_precision == pytest.approx(expected)


def test_only_known_pairs_are_counted() -> None:
    scores = made(unknown=0.4)
    found = MultilabelMetrics.from_scores(scores, CLASSES, HALF)
    for k, name in enumerate(CLASSES):
        known = scores.marks_NK[:, k] != 0
        truth, values = scores.marks_NK[known, k] == 1, scores.scores_NK[known, k]
        assert found.auc[name] == pytest.approx(sk.roc_auc_score(truth, values))
        expected = sk.average_precision_score(truth, values)
        assert found.average_precision[name] == pytest.approx(expected)
        assert found.per_class_f1[name] == pytest.approx(sk.f1_score(truth, values >= 0.5))


def test_chosen_thresholds_do_not_flatter() -> None:
    scores = made()
    noise = np.random.default_rng(2).random(scores.scores_NK.shape)
    unrelated = LabelScores(noise, scores.marks_NK, scores.group_N)
    own = MultilabelMetrics.from_scores(unrelated, CLASSES)
    again = MultilabelMetrics.from_scores(unrelated, CLASSES, own.thresholds)
    assert (own.thresholds_from, again.thresholds_from) == ("other pictures", "given")
    assert own.macro_f1 < again.macro_f1
    values = own.with_intervals()
    for name in ("macro_f1", "micro_f1", "macro_auc", "mean_average_precision"):
        low, high = values[f"{name}_ci95"]
        assert low < values[name] < high


def test_draws_are_copies_of_groups() -> None:
    scores = made(40)
    values_N, positive_N, group_N = scores.known(0)
    draws_RG = group_draws(scores.groups, resamples=3)
    found_R = ranked_precision_draws(draws_RG, values_N, positive_N, group_N)
    for drawn_G, found in zip(draws_RG, found_R, strict=True):
        rows = np.repeat(np.arange(40), drawn_G[group_N])
        assert found == pytest.approx(ranked_precision(values_N[rows], positive_N[rows]))
    assert ranked_precision([0.1, 0.2], [False, False]) is None


def test_a_missing_threshold_is_named() -> None:
    with pytest.raises(NasError, match="no threshold for b, c"):
        MultilabelMetrics.from_scores(made(), CLASSES, {"a": 0.5})
