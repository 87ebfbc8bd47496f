"""Images and studies as samples, by hand."""

import numpy as np
import pytest

from nas.tasks.covid.study_metrics import Samples, numbered

PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.4, 0.6], [0.0, 1.0]])
PATIENTS = ("p2", "p1", "p2", "p1", "p3")


def test_names_are_numbered_as_they_come() -> None:
    assert numbered(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
    assert numbered([]).dtype == np.int64


def test_each_image_by_itself() -> None:
    samples = Samples.of_images(PROBABILITIES, np.array([0, 1, 1, 0, 1]), PATIENTS)
    np.testing.assert_array_equal(samples.probabilities_SK, PROBABILITIES)
    assert samples.labels_S.tolist() == [0, 1, 1, 0, 1]
    assert samples.patient_S.tolist() == [0, 1, 0, 1, 2]
    assert samples.patients == 3
    assert samples.patient_names == ("p2", "p1", "p3")


def test_a_study_has_the_mean_of_its_images() -> None:
    """Study x has images 0 and 2, y has 1 and 4, z has 3; the order is that of their first."""
    studies = ("x", "y", "x", "z", "y")
    labels_N, patients = np.array([0, 1, 0, 1, 1]), ("p2", "p1", "p2", "p3", "p1")
    samples = Samples.of_studies(PROBABILITIES, labels_N, patients, studies)
    np.testing.assert_allclose(samples.probabilities_SK, [[0.7, 0.3], [0.1, 0.9], [0.4, 0.6]])
    assert samples.labels_S.tolist() == [0, 1, 1]
    assert samples.labels_S.dtype == np.int64
    assert samples.patient_S.tolist() == [0, 1, 2]
    assert samples.patient_names == ("p2", "p1", "p3")


def test_a_study_of_one_image_is_that_image() -> None:
    labels_N = np.array([0, 1, 1, 0, 1])
    studies = Samples.of_studies(PROBABILITIES, labels_N, PATIENTS, tuple("edcba"))
    images = Samples.of_images(PROBABILITIES, labels_N, PATIENTS)
    np.testing.assert_array_equal(studies.probabilities_SK, images.probabilities_SK)
    np.testing.assert_array_equal(studies.labels_S, images.labels_S)
    np.testing.assert_array_equal(studies.patient_S, images.patient_S)


def test_no_samples_have_no_patients() -> None:
    assert Samples.of_images(np.zeros((0, 2)), np.zeros(0, np.int64), ()).patients == 0


def test_splits_are_joined_with_their_patients_apart() -> None:
    images = np.array([0, 1, 1, 0, 1])
    first = Samples.of_images(PROBABILITIES, images, PATIENTS)
    second = Samples.of_images(PROBABILITIES[:2], images[:2], ("p5", "p4"))
    joined = Samples.joined([first, second])
    assert joined.patient_S.tolist() == [0, 1, 0, 1, 2, 3, 4]
    assert joined.patient_names == ("p2", "p1", "p3", "p5", "p4")
    assert joined.labels_S.tolist() == [0, 1, 1, 0, 1, 0, 1]
    np.testing.assert_array_equal(joined.probabilities_SK[5:], PROBABILITIES[:2])
    with pytest.raises(ValueError, match="a patient is in two of the splits"):
        Samples.joined([first, Samples.of_images(PROBABILITIES[:1], images[:1], ("p3",))])
