"""Metrics of a classifier against scikit-learn and VOC's development kit."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, roc_auc_score

from nas.tasks.covid.study_metrics import Samples, StudyMetrics
from tests.tasks.covid.voc import voc_ap

CLASSES = ("negative", "typical", "indeterminate", "atypical")


def drawn(seed: int, labels: tuple[int, ...] = (0, 1, 2, 3), samples: int = 60) -> Samples:
    """Samples of 20 patients, three times as sure of the right class as by chance."""
    generator = np.random.default_rng(seed)
    labels_S = generator.choice(labels, samples)
    weights_SK = generator.random((samples, 4)) + 0.5 * np.eye(4)[labels_S]
    patient_S = np.concatenate([np.arange(20), generator.integers(0, 20, samples - 20)])
    return of_patients(weights_SK / weights_SK.sum(axis=1, keepdims=True), labels_S, patient_S)


def of_patients(
    probabilities_SK: np.ndarray, labels_S: NDArray[np.int64], patient_S: NDArray[np.int64]
) -> Samples:
    return Samples.of_images(probabilities_SK, labels_S, [f"p{n}" for n in patient_S])


def one_hot(samples: Samples) -> NDArray[np.bool_]:
    return np.eye(4, dtype=bool)[samples.labels_S]


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int) -> None:
    samples = drawn(seed)
    metrics = StudyMetrics.from_samples(samples, CLASSES)
    truth, called = samples.labels_S, samples.probabilities_SK.argmax(axis=1)
    assert metrics.macro_f1 == pytest.approx(f1_score(truth, called, average="macro"))
    assert list(metrics.per_class_f1.values()) == pytest.approx(
        f1_score(truth, called, average=None).tolist()
    )
    assert metrics.accuracy == pytest.approx(accuracy_score(truth, called))
    assert metrics.confusion == tuple(map(tuple, confusion_matrix(truth, called).tolist()))
    areas = roc_auc_score(one_hot(samples), samples.probabilities_SK, average=None)
    assert list(metrics.per_class_auc.values()) == pytest.approx(areas.tolist())
    assert metrics.mean_auc == pytest.approx(areas.mean())
    assert (metrics.primary, metrics.patients) == (metrics.macro_f1, 20)
    assert tuple(metrics.per_class_f1) == CLASSES


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_vocs(seed: int) -> None:
    samples = drawn(seed)
    metrics = StudyMetrics.from_samples(samples, CLASSES)
    expected = [
        voc_ap(scores.tolist(), positive.tolist(), int(positive.sum()))
        for scores, positive in zip(samples.probabilities_SK.T, one_hot(samples).T, strict=True)
    ]
    assert list(metrics.per_class_ap.values()) == pytest.approx(expected)
    assert metrics.voc_map == pytest.approx(np.mean(expected))


def test_a_class_that_the_split_lacks_is_left_out_of_the_means() -> None:
    samples = drawn(1, labels=(0, 1, 3))
    metrics = StudyMetrics.from_samples(samples, CLASSES)
    truth, called = samples.labels_S, samples.probabilities_SK.argmax(axis=1)
    assert (called == 2).any()  # a false alarm of the class that is not there
    present = [0, 1, 3]
    assert metrics.macro_f1 == pytest.approx(
        f1_score(truth, called, labels=present, average="macro")
    )
    assert metrics.per_class_auc["indeterminate"] is None
    assert metrics.per_class_ap["indeterminate"] is None
    assert metrics.per_class_f1["indeterminate"] == 0
    areas = roc_auc_score(
        one_hot(samples)[:, present], samples.probabilities_SK[:, present], average=None
    )
    assert metrics.mean_auc == pytest.approx(areas.mean())
    known = [metrics.per_class_ap[CLASSES[k]] for k in present]
    assert metrics.voc_map == pytest.approx(np.mean(known))


def test_of_one_class_alone_there_is_no_area() -> None:
    metrics = StudyMetrics.from_samples(drawn(0, labels=(1,)), CLASSES)
    assert metrics.mean_auc is None
    assert metrics.mean_auc_ci95 is None
    assert metrics.per_class_ap["typical"] == metrics.voc_map == 1
    assert metrics.voc_map_ci95 == (1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_what_they_are_of(seed: int) -> None:
    metrics = StudyMetrics.from_samples(drawn(seed), CLASSES)
    for name in ("macro_f1", "voc_map", "mean_auc"):
        low, high = getattr(metrics, f"{name}_ci95")
        assert low < getattr(metrics, name) < high, name
        assert 0.02 < high - low < 0.6, name
    assert 0.02 < metrics.primary_sd < 0.15


def test_intervals_are_over_patients() -> None:
    """Copies of a patient's samples tell nothing more, and of one patient there are no others."""
    samples = drawn(0)
    parts = samples.probabilities_SK, samples.labels_S, samples.patient_S
    five = of_patients(*(np.repeat(part, 5, axis=0) for part in parts))
    once, often = (StudyMetrics.from_samples(item, CLASSES) for item in (samples, five))
    for name in ("macro_f1_ci95", "mean_auc_ci95", "voc_map_ci95"):
        assert getattr(often, name) == pytest.approx(getattr(once, name)), name
    alone = of_patients(*parts[:2], np.zeros(60, np.int64))
    low, high = StudyMetrics.from_samples(alone, CLASSES).macro_f1_ci95
    assert low == high == once.macro_f1


@pytest.mark.parametrize("labels", [(0, 1, 2, 3), (1,)])
def test_metrics_come_back_from_json(labels: tuple[int, ...]) -> None:
    metrics = StudyMetrics.from_samples(drawn(2, labels), CLASSES)
    values = json.loads(json.dumps(metrics.as_json()))
    assert values["samples"] == 60
    assert StudyMetrics.from_json(values) == metrics
    assert metrics.with_intervals()["macro_f1_ci95"] == list(metrics.macro_f1_ci95)


def test_nothing_can_be_said_of_no_samples() -> None:
    empty = Samples.of_images(np.zeros((0, 4)), np.zeros(0, np.int64), ())
    with pytest.raises(ValueError, match="no samples to measure"):
        StudyMetrics.from_samples(empty, CLASSES)
