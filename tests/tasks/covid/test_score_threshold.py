"""Thresholds chosen on other patients, against a search of all of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.tasks.covid.curves import Curve, chosen_threshold, patient_counts, thresholds_of_images


def made(seed: int, patients: int = 12, boxes: int = 60) -> Curve:
    generator = np.random.default_rng(seed)
    hits_P = generator.random(boxes) < 0.5
    scores_P = generator.random(boxes) * 0.6 + 0.4 * hits_P * generator.random(boxes)
    patient_P = generator.integers(0, patients, boxes)
    found_G = np.bincount(patient_P[hits_P], minlength=patients)
    return Curve(scores_P, hits_P, patient_P, found_G + generator.integers(0, 2, patients))


def f1_at(curve: Curve, threshold: float, chosen_G: NDArray[np.bool_]) -> float:
    """2 TP / (2 TP + FP + FN): twice the hits over all that is called and all that is there."""
    called_P = chosen_G[curve.patient_P] & (curve.scores_P >= threshold)
    hits = int((curve.hits_P & called_P).sum())
    return 2 * hits / (int(called_P.sum()) + int(curve.positives_G[chosen_G].sum()))


def best_f1(curve: Curve, chosen_G: NDArray[np.bool_]) -> float:
    return max(f1_at(curve, score, chosen_G) for score in curve.scores_P)


@pytest.mark.parametrize("seed", range(3))
def test_a_patient_is_counted_with_what_is_best_on_the_other_folds(seed: int) -> None:
    curve = made(seed)
    chosen = chosen_threshold(curve, None)
    assert chosen.source == "other groups"
    everyone = np.ones(12, bool)
    assert f1_at(curve, chosen.kept_K[0], everyone) == pytest.approx(best_f1(curve, everyone))
    for patient in range(12):
        others_G = np.arange(12) % 5 != patient % 5
        used = chosen.used_GK[patient, 0]
        assert f1_at(curve, used, others_G) == pytest.approx(best_f1(curve, others_G))


def test_what_a_patients_own_boxes_say_does_not_choose_its_threshold() -> None:
    curve = made(0)
    before = chosen_threshold(curve, None).used_GK[:, 0]
    own_P = curve.patient_P == 3
    turned = Curve(
        np.where(own_P, 0.999, curve.scores_P),
        curve.hits_P & ~own_P,
        curve.patient_P,
        curve.positives_G,
    )
    after = chosen_threshold(turned, None).used_GK[:, 0]
    assert after[3] == before[3]
    assert after[8] == before[8]  # of the same fold
    assert (after != before).any()


def test_of_few_patients_each_is_a_fold() -> None:
    """Two patients: each is counted with the other's threshold, midway to 0 below its one box."""
    curve = Curve(np.array([0.8, 0.4]), np.ones(2, bool), np.arange(2), np.ones(2, np.int64))
    chosen = chosen_threshold(curve, None)
    assert chosen.used_GK[:, 0].tolist() == [0.2, 0.4]
    assert chosen.kept_K[0] == 0.2
    assert patient_counts(chosen, curve).tolist() == [[1, 0, 0], [1, 0, 0]]


def test_a_lone_patient_has_no_others() -> None:
    curve = Curve(np.array([0.8, 0.4]), np.array([True, False]), np.zeros(2, int), np.array([1]))
    chosen = chosen_threshold(curve, None)
    assert chosen.source == "same group"
    assert chosen.kept_K[0] == chosen.used_GK[0, 0] == pytest.approx(0.6)


def test_a_given_threshold_is_everyones() -> None:
    curve = made(1)
    chosen = chosen_threshold(curve, 0.37)
    assert (chosen.kept_K[0], chosen.source) == (0.37, "given")
    assert chosen.used_GK[:, 0].tolist() == [0.37] * 12


def test_thresholds_of_images_are_those_of_their_patients() -> None:
    patient_N = np.array([1, 0, 1, 2])
    given_N = np.array([0.2, 0.4, 0.2, 0.6])
    chosen = thresholds_of_images(given_N, patient_N)
    assert chosen.used_GK[:, 0].tolist() == [0.4, 0.2, 0.6]
    assert (chosen.kept_K[0], chosen.source) == (pytest.approx(0.35), "given by group")
    with pytest.raises(ValueError, match="images of one patient have several thresholds"):
        thresholds_of_images(np.array([0.2, 0.4, 0.3, 0.6]), patient_N)


def test_counts_are_each_patients_at_its_own_threshold() -> None:
    curve = made(2)
    chosen = chosen_threshold(curve, None)
    assert len(set(chosen.used_GK[:, 0].tolist())) > 1
    counts_G3 = patient_counts(chosen, curve)
    for patient, threshold in enumerate(chosen.used_GK[:, 0]):
        own_P = curve.patient_P == patient
        called = curve.hits_P[own_P][curve.scores_P[own_P] >= threshold]
        hits, false = int(called.sum()), int((~called).sum())
        assert counts_G3[patient].tolist() == [hits, false, curve.positives_G[patient] - hits]
    at_the_limit = chosen_threshold(curve, float(curve.scores_P[0]))
    assert (
        patient_counts(at_the_limit, curve).sum(axis=0)[:2].sum()
        == (curve.scores_P >= curve.scores_P[0]).sum()
    )
