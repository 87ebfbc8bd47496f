"""From predictions to the rows of a submission."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from nas.metrics.competition import Finding
from nas.tasks.base import Prediction
from nas.tasks.covid.findings import (
    NoneRules,
    SubmissionNetworks,
    SubmittedXray,
    build_submission,
    image_findings,
)
from nas.tasks.covid.tta import FileDetections

XRAYS = [
    SubmittedXray("a", "one", Path("a.dcm")),
    SubmittedXray("b", "one", Path("b.dcm")),
    SubmittedXray("c", "two", Path("c.dcm")),
]
STUDY = {"a": 0.2, "b": 0.4, "c": 0.9}
BOXES = np.array([[1.0, 2, 3, 4], [5, 6, 9, 9]])


def study(files: Sequence[Path]) -> Iterator[Prediction]:
    for file in files:
        p = STUDY[file.stem]
        shares = {"negative": p, "typical": 1 - p, "indeterminate": 0.0, "atypical": 0.0}
        yield Prediction(str(file), {"probabilities": shares})


def opacity(files: Sequence[Path]) -> Iterator[Prediction]:
    for file in files:
        none = {"a": 0.1, "b": 0.9, "c": 0.5}[file.stem]
        yield Prediction(str(file), {"probabilities": {"none": none, "opacity": 1 - none}})


def detector(files: Sequence[Path]) -> Iterator[FileDetections]:
    for file in files:
        if file.stem == "c":
            yield FileDetections(file, error="cut off")
        else:
            yield FileDetections(file, BOXES, np.array([0.8, 0.25]))


def test_a_study_has_the_mean_of_its_images() -> None:
    built = build_submission(XRAYS, SubmissionNetworks(study=study), NoneRules())
    one, two = built.submission.studies["one"], built.submission.studies["two"]
    assert [item.class_name for item in one] == ["negative", "typical", "indeterminate", "atypical"]
    assert [item.confidence for item in one] == pytest.approx([0.3, 0.7, 0, 0])
    assert two[0].confidence == pytest.approx(0.9)
    assert built.submission.images == {"a": (), "b": (), "c": ()}


def test_scores_are_weighed_by_the_classifier() -> None:
    """0.8 (1 - 0.1)^0.3 and 0.25 (1 - 0.1)^0.3; none is what the classifier says."""
    networks = SubmissionNetworks(opacity=opacity, detector=detector)
    built = build_submission(XRAYS, networks, NoneRules(exponent=0.3))
    row = built.submission.images["a"]
    assert [item.class_name for item in row] == ["opacity", "opacity", "none"]
    expected = [0.8 * 0.9**0.3, 0.25 * 0.9**0.3, 0.1]
    assert [item.confidence for item in row] == pytest.approx(expected)
    assert row[0].box == (1, 2, 3, 4)
    assert row[2].box == (0, 0, 1, 1)


def test_boxes_are_dropped_where_none_is_sure() -> None:
    networks = SubmissionNetworks(opacity=opacity, detector=detector)
    images = build_submission(XRAYS, networks, NoneRules(limit=0.8)).submission.images
    assert [len(images[key]) for key in "ab"] == [3, 1]
    assert images["b"] == (Finding("none", 0.9),)


def test_without_a_classifier_none_is_what_the_detector_lacks() -> None:
    images = build_submission(XRAYS, SubmissionNetworks(detector=detector), NoneRules()).submission
    row = images.images["a"]
    assert [item.confidence for item in row] == pytest.approx([0.8, 0.25, 0.2])


def test_an_image_without_boxes_is_surely_none() -> None:
    (only,) = image_findings(FileDetections(Path("x")), None, NoneRules())
    assert only == Finding("none", 1.0)


def test_a_file_that_cant_be_read_is_named_once_and_says_nothing() -> None:
    built = build_submission(XRAYS, SubmissionNetworks(detector=detector), NoneRules())
    assert built.unreadable == ("c.dcm: cut off",)
    assert built.submission.images["c"] == ()
    known = SubmissionNetworks(opacity=opacity, detector=detector)
    assert build_submission(XRAYS, known, NoneRules()).submission.images["c"] == (
        Finding("none", 0.5),
    )


def test_an_unreadable_image_has_no_say_in_its_study() -> None:
    """Of study one only b is left; of study two nothing is known, and the row is empty."""

    def reading(files: Sequence[Path]) -> Iterator[Prediction]:
        for file in files:
            if file.stem in "ac":
                yield Prediction(str(file), error="cut off")
            else:
                yield from study([file])

    built = build_submission(XRAYS, SubmissionNetworks(study=reading), NoneRules())
    one, two = built.submission.studies["one"], built.submission.studies["two"]
    assert [item.confidence for item in one] == pytest.approx([0.4, 0.6, 0, 0])
    assert two == ()
    assert built.unreadable == ("a.dcm: cut off", "c.dcm: cut off")


def test_a_file_that_no_network_can_read_is_named_once() -> None:
    def reading(files: Sequence[Path]) -> Iterator[Prediction]:
        for file in files:
            if file.stem == "c":
                yield Prediction(str(file), error="cut off")
            else:
                yield from opacity([file])

    networks = SubmissionNetworks(opacity=reading, detector=detector)
    built = build_submission(XRAYS, networks, NoneRules())
    assert built.unreadable == ("c.dcm: cut off",)
    assert list(built.submission.images) == ["a", "b", "c"]
    assert built.submission.images["c"] == ()


def test_without_an_exponent_or_a_limit_boxes_stay_as_they_are() -> None:
    networks = SubmissionNetworks(opacity=opacity, detector=detector)
    images = build_submission(XRAYS, networks, NoneRules(exponent=0)).submission.images
    assert [item.confidence for item in images["b"]] == pytest.approx([0.8, 0.25, 0.9])
    assert [item.box for item in images["b"][:2]] == [(1, 2, 3, 4), (5, 6, 9, 9)]
