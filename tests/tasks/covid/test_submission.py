"""The competition's file: as it is written, read back, and refused with file, line and Id."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import NasError
from nas.metrics.competition import (
    IMAGE_CLASSES,
    STUDY_CLASSES,
    CompetitionTruth,
    Finding,
    competition_metrics,
)
from nas.tasks.covid.submission import Submission, read_submission, write_submission

SUBMISSION = Submission(
    studies={
        "00086460a852": (Finding("negative", 0.7), Finding("typical", 0.1)),
        "s2": (Finding("atypical", 1.0),),
    },
    images={
        "65761e66de9f": (
            Finding("opacity", 0.5, (720.64, 586.0, 1632.0, 1739.128)),
            Finding("none", 0.4),
        ),
        "i2": (),
    },
)
TEXT = """Id,PredictionString
00086460a852_study,negative 0.7 0 0 1 1 typical 0.1 0 0 1 1
s2_study,atypical 1 0 0 1 1
65761e66de9f_image,opacity 0.5 720.64 586 1632 1739.13 none 0.4 0 0 1 1
i2_image,
"""


def written(tmp_path: Path, *rows: str, header: str = "Id,PredictionString") -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_file_is_the_competitions(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, SUBMISSION)
    assert path.read_bytes() == TEXT.encode()


def test_what_is_read_back_are_floats(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, SUBMISSION)
    read = read_submission(path, studies=SUBMISSION.studies, images=SUBMISSION.images)
    assert read.studies == SUBMISSION.studies
    assert read.images["i2"] == ()
    opacity, none = read.images["65761e66de9f"]
    assert none == Finding("none", 0.4)
    assert opacity.box == (720.64, 586.0, 1632.0, 1739.13)
    assert type(opacity.confidence) is float
    assert {type(value) for value in opacity.box} == {float}


def test_the_competitions_own_example_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "2b95d54e4be65_study,negative 1 0 0 1 1",
        "2b95d54e4be67_study,indeterminate 1 0 0 1 1 atypical 1 0 0 1 1",
        "2b95d54e4be68_image,none 1 0 0 1 1",
        "",
        "2b95d54e4be69_image,opacity 0.5 100 100 200 200 opacity 0.7 10 10 20 20",
    )
    read = read_submission(path)
    assert list(read.studies) == ["2b95d54e4be65", "2b95d54e4be67"]
    assert [finding.confidence for finding in read.images["2b95d54e4be69"]] == [0.5, 0.7]
    truth = CompetitionTruth(
        {"2b95d54e4be65": ["negative"], "2b95d54e4be67": ["atypical"]},
        {"2b95d54e4be68": [], "2b95d54e4be69": [[10, 10, 20, 21]]},
    )
    assert competition_metrics(read.studies, read.images, truth).map_50 == 1


def findings(classes: tuple[str, ...]) -> st.SearchStrategy[tuple[Finding, ...]]:
    confidence = st.floats(0, 1)
    corner = st.tuples(st.floats(0, 20_000), st.floats(0, 20_000))
    side = st.tuples(st.floats(0.02, 500), st.floats(0.02, 500))
    boxed = st.builds(
        lambda p, c, s: Finding("opacity", p, (*c, c[0] + s[0], c[1] + s[1])),
        confidence, corner, side,
    )  # fmt: skip
    plain = st.builds(Finding, st.sampled_from([c for c in classes if c != "opacity"]), confidence)
    return st.lists(plain | boxed if "opacity" in classes else plain, max_size=4).map(tuple)


ids = st.text("0123456789abcdef_", min_size=1, max_size=12)


@settings(deadline=None)
@given(
    st.dictionaries(ids, findings(STUDY_CLASSES), max_size=3),
    st.dictionaries(ids, findings(IMAGE_CLASSES), max_size=3),
)
def test_any_submission_is_read_back_near_enough(
    tmp_path_factory: pytest.TempPathFactory,
    studies: dict[str, tuple[Finding, ...]],
    images: dict[str, tuple[Finding, ...]],
) -> None:
    path = tmp_path_factory.mktemp("any") / "submission.csv"
    write_submission(path, Submission(studies, images))
    read = read_submission(path, studies, images)
    assert (list(read.studies), list(read.images)) == (list(studies), list(images))
    for before, after in ((studies, read.studies), (images, read.images)):
        for key, rows in before.items():
            assert [row.class_name for row in after[key]] == [row.class_name for row in rows]
            for old, new in zip(rows, after[key], strict=True):
                assert new.confidence == pytest.approx(old.confidence, abs=5.1e-7)
                assert new.box == pytest.approx(old.box, abs=0.0051)


def test_small_confidences_and_thin_boxes_stay(tmp_path: Path) -> None:
    confidences = [3e-7, 2.5e-7, 1e-12, 0.0, np.float32(0.1)]
    thin = (10.001, 10.0, 10.002, 20.0)
    rows = tuple(Finding("opacity", value, thin) for value in confidences)
    path = tmp_path / "submission.csv"
    write_submission(path, Submission({}, {"i": rows}))
    read = read_submission(path).images["i"]
    assert [row.confidence for row in read] == [3e-7, 2.5e-7, 1e-12, 0, 0.1]
    assert {row.box for row in read} == {thin}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a_series,", "'a_series' is no Id; allowed: ID_study, ID_image"),
        ("_study,", "'_study' is no Id"),
        ("a_study,negative 1 0 0 1", "5 words are no groups of six; allowed: class confidence x1"),
        ("a_study,opacity 1 0 0 1 1", "no study class 'opacity'; allowed: atypical, "),
        ("a_study,typcal 1 0 0 1 1", "no study class 'typcal'; did you mean 'typical'?"),
        ("a_image,negative 1 0 0 1 1", "no image class 'negative'; allowed: none, opacity"),
        ("a_study,typical high 0 0 1 1", "confidence 'high' is not a number"),
        ("a_study,typical 1.2 0 0 1 1", "confidence 1.2 of 'typical'; allowed: 0 to 1"),
        ("a_study,typical nan 0 0 1 1", "confidence nan of 'typical'; allowed: 0 to 1"),
        ("a_study,typical 1 0 0 2 1", "box 0 0 2 1 of 'typical'; allowed: 0 0 1 1"),
        ("a_image,none 1 5 5 9 9", "box 5 5 9 9 of 'none'; allowed: 0 0 1 1"),
        ("a_image,opacity 1 5 5 x 9", "x2 'x' is not a number"),
        ("a_image,opacity 1 5 5 5 9", "box 5 5 5 9; allowed: finite numbers x1 y1 x2 y2, x1 < x2"),
        ("a_image,opacity 1 5 9 7 5", "box 5 9 7 5; allowed"),
        ("a_image,opacity 1 5 5 inf 9", "box 5 5 inf 9; allowed: finite"),
        ("a_image,opacity 0,5 5 5 9 9", "3 cells in this row; allowed: 2, Id,PredictionString"),
        ("a_image", "1 cells in this row"),
        ("b_image,", "this Id is there twice; keep one row"),
    ],
)
def test_a_wrong_row_is_told_with_file_line_and_id(tmp_path: Path, row: str, problem: str) -> None:
    path = written(tmp_path, "b_image,none 1 0 0 1 1", row)
    with pytest.raises(NasError) as caught:
        read_submission(path)
    assert problem in caught.value.problem
    assert (caught.value.file, caught.value.line) == (str(path), 3)
    assert caught.value.key == row.split(",")[0]


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert read_submission(path).studies == SUBMISSION.studies


@pytest.mark.parametrize("header", ["", "id,PredictionString", "Id,PredictionString,x"])
def test_another_header_is_refused(tmp_path: Path, header: str) -> None:
    path = written(tmp_path, header=header)
    with pytest.raises(NasError, match=f":1: the header is '{header}'; allowed: Id,Prediction"):
        read_submission(path)


def test_no_file_and_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="can't be read as a CSV file"):
        read_submission(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_bytes(b"Id,PredictionString\n\xff\xfe_study,\n")
    with pytest.raises(NasError, match="can't be read as a CSV file in UTF-8"):
        read_submission(tmp_path / "x.csv")


def test_ids_are_those_that_are_expected(tmp_path: Path) -> None:
    path = written(tmp_path, "a7c1_study,", "b1_image,")
    assert read_submission(path, studies=["a7c1"], images=["b1"]).images == {"b1": ()}
    with pytest.raises(NasError, match=r":2 a7c1_study: no study 'a7c1'; did you mean 'a7cl'\?"):
        read_submission(path, studies=["a7cl"])
    with pytest.raises(NasError, match=r":3 b1_image: no image 'b1'$"):
        read_submission(path, images=[])
    more = [f"b{number}" for number in range(1, 9)]
    shown = "no row of b2_image, b3_image, b4_image, b5_image, b6_image and 2 more"
    with pytest.raises(NasError, match=f"{shown}; each image must have one"):
        read_submission(path, images=more)


@pytest.mark.parametrize(
    ("key", "finding", "problem"),
    [
        ("i", Finding("opacity", 1.5, (0, 0, 9, 9)), "i_image: confidence 1.5"),
        ("i", Finding("opacity", 0.5, (9, 0, 9, 9)), "i_image: box 9 0 9 9"),
        ("i", Finding("typical", 0.5), "i_image: no image class 'typical'"),
        ("i", Finding("none", 0.5, (0, 0, 9, 9)), "of 'none'; allowed: 0 0 1 1"),
        ("i,j", Finding("none", 0.5), "image 'i,j' is no id of one word"),
        ("", Finding("none", 0.5), "image '' is no id of one word"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, key: str, finding: Finding, problem: str
) -> None:
    path = tmp_path / "submission.csv"
    with pytest.raises(ValueError, match=problem):
        write_submission(path, Submission({}, {key: (finding,)}))
    assert not path.exists()
