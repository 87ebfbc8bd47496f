"""Tables of many labels, in both forms, and what is wrong with some."""

import re
from pathlib import Path

import numpy as np
import pytest

from nas.data.image.label_table import has_many_labels, read_label_table
from nas.data.image.multilabel import list_multilabel
from nas.errors import NasError

NIH = (
    "Image Index,Finding Labels,Follow-up #,Patient ID\n"
    "b.png,No Finding,0,2\n"
    "a.png,Mass|Nodule,0,1\n"
    "c.png,Nodule,1,1\n"
    "c.png,Nodule,1,1\n"
)
CHEXPERT = (
    "Path,Sex,Age,No Finding,Edema,Fracture\n"
    "x/1.jpg,Female,68,1.0,,0.0\n"
    "x/2.jpg,Male,1,,-1.0,1.0\n"
    "x/3.jpg,Male,45,,1.0,\n"
)


def written(folder: Path, text: str) -> Path:
    table = folder / "images.csv"
    table.write_text(text)
    return table


def test_a_cell_lists_labels(tmp_path: Path) -> None:
    found = read_label_table(written(tmp_path, NIH))
    assert found.classes == ("Mass", "Nodule")
    assert [file.key for file in found.files] == ["a.png", "b.png", "c.png"]
    assert [file.group for file in found.files] == ["1", "2", "1"]
    np.testing.assert_array_equal(found.marks_NK, [[1, 1], [-1, -1], [-1, 1]])
    assert found.passed_over == ("Follow-up #",)
    assert has_many_labels(tmp_path / "images.csv")


def test_a_column_a_class_may_be_unknown(tmp_path: Path) -> None:
    found = read_label_table(written(tmp_path, CHEXPERT))
    assert found.classes == ("No Finding", "Edema", "Fracture")
    np.testing.assert_array_equal(found.marks_NK, [[1, -1, -1], [-1, 0, 1], [-1, 1, -1]])
    assert found.passed_over == ("Sex", "Age")
    assert has_many_labels(tmp_path / "images.csv")


@pytest.mark.parametrize(
    "text", ["path,label\na.png,cat\nb.png,dog\n", "path,kind\na.png,cat\n", "label\ncat|dog\n", ""]
)
def test_other_tables_are_of_one_label_or_none(tmp_path: Path, text: str) -> None:
    assert not has_many_labels(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\na,b\n", "images.csv:1: no column of paths in the first line"),
        ("path,label\n,b\n", "images.csv:2 path: no path"),
        ("path,label\na.png,No Finding\n", "no label in it"),
        ("path,label\na.png,b|c\n./a.png,b\n", "images.csv:3 path: './a.png' is in line 2 already"),
        ("path,label,split\na.png,b,tset\n", "images.csv:2 split: no split 'tset'"),
        ("path,cat\n" + "a.png,1\n" * 20 + "b.png,2\n", "images.csv:22 cat: '2' is no mark"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(NasError, match=re.escape(message)):
        read_label_table(written(tmp_path, text))


def test_made_splits_give_each_label_its_share_and_part_no_patient(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = []
    for n in range(300):
        names = [name for name, share in (("a", 0.5), ("b", 0.2)) if generator.random() < share]
        rows.append(f"{n}.png,{'|'.join(names)},{n // 2}")
    text = "path,label,group\n" + "\n".join(rows) + "\n"
    listed = list_multilabel(written(tmp_path, text))
    assert listed.pictures.made_splits == ("validation", "test")
    keys = {
        split: [file.key for file in listed.pictures.members(split)]
        for split in ("train", "validation", "test")
    }
    for k in range(2):
        whole = sum(int(marks[k] == 1) for marks in listed.marks.values())
        for split, share in (("validation", 0.15), ("test", 0.2)):
            part = sum(int(listed.marks[key][k] == 1) for key in keys[split])
            assert abs(part - share * whole) <= max(3, 0.05 * whole)
    seen = [{int(key.removesuffix(".png")) // 2 for key in found} for found in keys.values()]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_a_label_of_no_training_picture_is_refused(tmp_path: Path) -> None:
    table = written(tmp_path, "path,label,split\n1.png,a|b,train\n2.png,a,val\n3.png,c,test\n")
    with pytest.raises(NasError, match="no picture of train has the label 'c'"):
        list_multilabel(table)
