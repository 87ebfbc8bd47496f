"""SIIM's tables and meta.csv: rows as they are, every wrong one named with its line."""

from pathlib import Path

import pytest

from nas.data.xray.siim import read_image_table, read_meta, read_study_table
from nas.errors import NasError
from tests.data.xray.test_box_cells import KAGGLE_BOXES, KAGGLE_LABEL

STUDY_HEAD = (
    "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance\n"
)
IMAGE_HEAD = "id,boxes,label,StudyInstanceUID\n"
BOX = "\"[{'x': 1, 'y': 2, 'width': 3, 'height': 4}]\""


def written(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_studies_of_the_kaggle_table(tmp_path: Path) -> None:
    rows = "00086460a852_study,0,1,0,0\na_study,1,0,0,0\nb_study,0,0,1,0\nc,0.0,0.0,0.0,1.0\n"
    found = read_study_table(written(tmp_path, STUDY_HEAD + rows))
    assert found.wrong == ()
    classes = {name: row.study_class for name, row in found.rows.items()}
    assert classes == {
        "00086460a852": "typical", "a": "negative", "b": "indeterminate", "c": "atypical",
    }  # fmt: skip
    assert found.rows["a"].place == "t.csv:3"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x_study,1,1,0,0", "the four classes are '1', '1', '0', '0', not one 1 and 0s"),
        ("x_study,0,0,0,0", "the four classes are"),
        ("x_study,0,0,1", "the four classes are '0', '0', '1', ''"),
        ("x_study,0,0,0,2", "the four classes are"),
        ("x_study,yes,0,0,0", "the four classes are"),
        ("_study,1,0,0,0", "no id in this row"),
        (",1,0,0,0", "no id in this row"),
        ("a_study,0,1,0,0", "'a' has a row already"),
    ],
)
def test_a_wrong_study_is_left_out(tmp_path: Path, row: str, reason: str) -> None:
    found = read_study_table(written(tmp_path, f"{STUDY_HEAD}a_study,1,0,0,0\n{row}\nb,1,0,0,0\n"))
    assert list(found.rows) == ["a", "b"]
    assert len(found.wrong) == 1
    assert found.wrong[0].startswith(f"t.csv:3: {reason}")


def test_images_of_the_kaggle_table(tmp_path: Path) -> None:
    rows = (
        f'000a312787f2_image,"{KAGGLE_BOXES}",{KAGGLE_LABEL},5776db0cec75\n'
        "0012ff7358bc_image,,none 1 0 0 1 1,9d514ce429a7\n"
    )
    studies = {"5776db0cec75", "9d514ce429a7"}
    found = read_image_table(written(tmp_path, IMAGE_HEAD + rows), studies)
    assert found.wrong == ()
    assert [len(row.boxes) for row in found.rows.values()] == [2, 0]
    assert found.rows["000a312787f2"].study_id == "5776db0cec75"
    assert found.rows["0012ff7358bc"].place == "t.csv:3"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x_image,,none 1 0 0 1 1,t", "no usable row of study 't'"),
        ("x_image,,none 1 0 0 1 1,", "no usable row of study ''"),
        ("x_image,,,s", "label '' is neither"),
        (f"x_image,{BOX},none 1 0 0 1 1,s", "1 boxes, and a label of 0, that are not alike"),
        ("x_image,,opacity 1 1 2 4 6,s", "0 boxes, and a label of 1, that are not alike"),
        (f"x_image,{BOX},opacity 1 1 2 4 7.5,s", "1 boxes, and a label of 1, that are not alike"),
        (f"x_image,{BOX},opacity 1 4 2 1 6,s", "box 'opacity 1 4 2 1 6' is not x1 < x2"),
        (f"x_image,{BOX.replace('3', '-3')},opacity 1 1 2 4 6,s", "box \"{'x': 1, 'y': 2, 'width"),
        ("x_image,[],opacity,s", "label 'opacity' is neither"),
        ("x_image,x,none 1 0 0 1 1,s", "boxes 'x' is no list"),
        ("_image,,none 1 0 0 1 1,s", "no id in this row"),
        ("a_image,,none 1 0 0 1 1,s", "'a' has a row already"),
    ],
)
def test_a_wrong_image_is_left_out(tmp_path: Path, row: str, reason: str) -> None:
    rows = f"a_image,{BOX},opacity 1 1 2 4.4 6,s\n{row}\nb_image,,none 1 0 0 1 1,s_study\n"
    found = read_image_table(written(tmp_path, IMAGE_HEAD + rows), {"s"})
    assert list(found.rows) == ["a", "b"]
    assert len(found.wrong) == 1
    assert found.wrong[0].startswith(f"t.csv:3: {reason}")


def test_a_file_that_is_no_such_table_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"t\.csv:1: no column 'boxes' in the first line"):
        read_image_table(written(tmp_path, "id,label,StudyInstanceUID\n"), set())
    with pytest.raises(NasError, match=r"t\.csv:1: no column 'atypical appearance'"):
        read_study_table(written(tmp_path, STUDY_HEAD.replace(",Atypical Appearance", "")))
    with pytest.raises(
        NasError,
        match=r"t\.csv:1: no column 'typical appearance' in the first l.*"
        r"; the file has 'Typicl Appearance'$",
    ):
        read_study_table(written(tmp_path, STUDY_HEAD.replace("Typical", "Typicl")))
    with pytest.raises(NasError, match=r"no column 'boxes' in the first line; the file has 'x'$"):
        read_image_table(written(tmp_path, "id,label,StudyInstanceUID,x\n"), set())
    with pytest.raises(NasError, match=r"no column 'id' in the first line, which is empty"):
        read_study_table(written(tmp_path, "\n" + STUDY_HEAD))
    with pytest.raises(NasError, match="can't be read as a CSV file"):
        read_meta(tmp_path / "none.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes((STUDY_HEAD + "a,1,0,0,0\nb,0,1,0,0\n").replace("\n", end).encode())
    assert [row.place for row in read_study_table(table).rows.values()] == ["t.csv:2", "t.csv:3"]
    table.write_bytes(table.read_bytes() + f"é{end}".encode("latin-1"))
    with pytest.raises(NasError, match=r"t\.csv:4: can't be read as a CSV file in UTF-8: .* 0xe9"):
        read_study_table(table)


def test_patients_and_folds(tmp_path: Path) -> None:
    table = written(tmp_path, "fold,image_id,view,patient\n0,a,PA,anna\n4.0,b_image,AP,\n,c,,bo\n")
    found = read_meta(table)
    assert found.wrong == ()
    rows = {name: (row.patient, row.fold) for name, row in found.rows.items()}
    assert rows == {"a": ("anna", 0), "b": (None, 4), "c": ("bo", None)}
    (only,) = read_meta(written(tmp_path, "image_id,patient\na,x\n")).rows.values()
    assert (only.patient, only.fold, only.place) == ("x", None, "t.csv:2")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,p,5", "fold '5' is not a whole number from 0 to 4"),
        ("x,p,-1", "fold '-1'"),
        ("x,p,1.5", "fold '1.5'"),
        ("x,p,one", "fold 'one'"),
        (",p,1", "no id"),
        ("a,p,1", "'a' has a row already"),
    ],
)
def test_a_wrong_row_of_meta(tmp_path: Path, row: str, reason: str) -> None:
    found = read_meta(written(tmp_path, f"image_id,patient,fold\na,p,1\n{row}\nb,q,2\n"))
    assert list(found.rows) == ["a", "b"]
    assert len(found.wrong) == 1
    assert found.wrong[0].startswith(f"t.csv:3: {reason}")
