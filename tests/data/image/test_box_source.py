"""Readers of boxes: each against a file written by hand, and what they leave out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.dataset import DataRequest
from nas.data.image.box_listing import list_boxes
from nas.data.image.box_load import load_boxes
from nas.data.image.box_source import find_box_source, holds_boxes
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.spec.definition import InputSpec

HEAD = "path,class,x1,y1,x2,y2,split\n"
UPRIGHT = ImagePreprocess(turn_portrait=False)


def picture(path: Path, width: int = 40, height: int = 20, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (shade, 2 * shade, 90)).save(path)


def table(folder: Path, rows: str, head: str = HEAD) -> Path:
    path = folder / "boxes.csv"
    path.write_bytes((head + rows).encode())
    return path


def coco(images: int = 2) -> dict[str, object]:
    return {
        "images": [{"id": 7 + n, "file_name": f"{n}.png"} for n in range(images)],
        "categories": [{"id": 3, "name": "cup"}, {"id": 9, "name": "ball"}],
        "annotations": [
            {"image_id": 7, "category_id": 9, "bbox": [1, 2, 10, 5]},
            {"image_id": 8, "category_id": 3, "bbox": [0, 0, 4, 4], "iscrowd": 0},
        ],
    }


def test_a_csv_table_with_a_byte_order_mark_crlf_and_semicolons(tmp_path: Path) -> None:
    rows = "a.png;cup;1;2;11;7;train\r\na.png;ball;0;0;5;5;train\r\nb.png;;;;;;val\r\n"
    table(tmp_path, rows, head="\ufeff" + HEAD.strip().replace(",", ";") + "\r\n")
    found = find_box_source(tmp_path)
    assert found.wrong == []
    first, second = found.pictures["a.png"], found.pictures["b.png"]
    assert [(item.name, item.box, item.place) for item in first.boxes] == [
        ("cup", (1, 2, 11, 7), "boxes.csv:2"),
        ("ball", (0, 0, 5, 5), "boxes.csv:3"),
    ]
    assert (second.boxes, second.split) == ([], "validation")
    assert holds_boxes(tmp_path)
    assert holds_boxes(tmp_path / "boxes.csv")


def test_rows_that_cannot_be_used_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    rows = "a.png,cup,1,2,11,7,\na.png,cup,5,5,5,9,\na.png,cup,x,5,5,9,\nb.png,,1,2,3,4,\n"
    found = find_box_source(table(tmp_path, rows))
    assert found.wrong == [
        "boxes.csv:3: box 5 5 5 9 has no area: needed are x1 < x2, y1 < y2",
        "boxes.csv:4: no four numbers: 'x', '5', '5', '9'",
        "boxes.csv:5: no class in this row",
    ]
    listed = list_boxes(tmp_path / "boxes.csv")
    assert [file.key for file in listed.pictures.files] == ["a.png"]  # b has no box that is right


@pytest.mark.parametrize(
    ("rows", "head", "problem"),
    [
        ("a.png,cup,1,2,11\n", "path,class,x1,y1,x2\n", "boxes.csv:1: no column 'y2'"),
        ("a.png,,,,,,\n", HEAD, "no picture of train has a box that can be used"),
        ("a.png,cup,1,2,3,4,x\n", HEAD, "boxes.csv:2 split: no split 'x'"),
        (
            "a.png,cup,1,2,3,4,train\nb.png,cop,1,2,3,4,val\n",
            HEAD,
            "boxes.csv:3: class 'cop' is in the validation split but not in train; did you mean",
        ),
    ],
)
def test_refused_tables(tmp_path: Path, rows: str, head: str, problem: str) -> None:
    with pytest.raises(NasError) as refused:
        list_boxes(table(tmp_path, rows, head))
    assert problem in str(refused.value)


def test_a_coco_file(tmp_path: Path) -> None:
    content = coco()
    annotations = content["annotations"]
    assert isinstance(annotations, list)
    annotations += [
        {"image_id": 1, "category_id": 9, "bbox": [1, 2, 10, 5]},
        {"image_id": 8, "category_id": 1, "bbox": [1, 2, 10, 5]},
        {"image_id": 8, "category_id": 9, "bbox": [1, 2, 10, 5], "iscrowd": 1},
        {"image_id": 8, "category_id": 9, "bbox": [1, 2, 10]},
    ]
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(content), encoding="utf-8-sig")
    found = find_box_source(file)
    assert [item.box for item in found.pictures["0.png"].boxes] == [(1, 2, 11, 7)]
    assert [item.name for item in found.pictures["1.png"].boxes] == ["cup"]
    assert found.wrong == [
        "labels.json: annotations[2]: no image has the id 1",
        "labels.json: annotations[3]: no category has the id 1",
        "labels.json: annotations[4]: a crowd, not one object",
        "labels.json: annotations[5]: no bbox of four numbers: [1, 2, 10]",
    ]


def test_coco_files_of_splits_in_a_folder(tmp_path: Path) -> None:
    for name in ("train", "val"):
        picture(tmp_path / f"{name}2017" / "0.png")  # 1.png is missing in both
        file = tmp_path / "annotations" / f"instances_{name}2017.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(coco()))
    found = find_box_source(tmp_path)
    first = found.pictures["train2017/0.png"]
    assert (first.path, first.split) == (tmp_path / "train2017" / "0.png", "train")
    assert found.pictures["val2017/0.png"].split == "validation"
    assert "val2017/1.png" in found.pictures


def test_boxes_are_scaled_with_their_picture_and_those_outside_left_out(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "c", "d", "e")):
        picture(tmp_path / f"{name}.png", shade=20 * number)
    rows = (
        "a.png,cup,10,5,20,10,train\na.png,ball,30,10,50,30,train\nb.png,cup,50,1,60,9,train\n"
        "c.png,cup,0,0,40,20,val\nd.png,,,,,,val\ne.png,,,,,,test\n"
    )
    table(tmp_path, rows)
    size = InputSpec(channels=3, height=40, width=40)
    data = load_boxes(DataRequest(tmp_path, size, UPRIGHT, cache_dir=tmp_path / "cache"))
    train = data.split("train")
    assert train.paths == ("a.png",)
    np.testing.assert_allclose(train.boxes[0], [[10, 10, 20, 20], [30, 20, 40, 40]])
    assert train.box_classes[0].tolist() == [1, 0]
    assert data.classes == ("ball", "cup")
    assert data.unreadable == ("boxes.csv:4: box 50 1 60 9 lies outside b.png, 20 x 40",)
    assert [len(boxes) for boxes in data.split("validation").boxes] == [1, 0]


def test_a_yolo_folder(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(
        "path: .\nnames: {0: cup, 1: ball}\ntrain: ../train/images\n"
    )
    for name in ("a", "b", "c"):
        picture(tmp_path / "train" / "images" / f"{name}.png")
    labels = tmp_path / "train" / "labels"
    labels.mkdir()
    (labels / "a.txt").write_bytes(
        b"1 0.5 0.5 0.25 0.5\r\n0 0.5 0.5\r\n2 0.5 0.5 0.1 0.1\r\n"
        b"x 0 0 1 1\r\n\r\n0 0.5 0.5 0 1\r\n"
    )
    (labels / "b.txt").write_bytes(b"")
    found = find_box_source(tmp_path)
    (item,) = found.pictures["train/images/a.png"].boxes
    assert (item.name, item.box, item.place) == ("ball", (15, 5, 25, 15), "a.txt:1")
    assert found.pictures["train/images/b.png"].boxes == []
    assert found.pictures["train/images/c.png"].split == "train"
    assert found.wrong == [
        "a.txt:2: 3 values, but a box has CLASS X Y WIDTH HEIGHT",
        "a.txt:3: no class 2 in data.yaml; it has 0 to 1",
        "a.txt:4: no numbers: x 0 0 1 1",
        "a.txt:6: box 20 0 20 20 has no area: needed are x1 < x2, y1 < y2",
    ]
    assert holds_boxes(tmp_path)


def test_a_yolo_file_without_names(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: images\n")
    with pytest.raises(NasError, match="names: needed is a list of classes"):
        find_box_source(tmp_path / "data.yaml")
