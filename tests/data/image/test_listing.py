"""Layouts of folders and tables, and what is wrong with them."""

import os
from pathlib import Path

import pytest

from nas.data.image.listing import list_images
from nas.data.image.source import ImageFile, ImageSource, find_image_source
from nas.data.listing import Listing
from nas.errors import NasError
from tests.data.conftest import WriteImages


def keys(listing: ImageSource | Listing[ImageFile]) -> list[str]:
    return [file.key for file in listing.files]


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_split_folders(tmp_path: Path, write_images: WriteImages, name: str) -> None:
    write_images(tmp_path / "train", {"a": 2, "b": 1})
    write_images(tmp_path / name, {"a": 1})
    (tmp_path / "README.txt").write_text("ignored")
    listing = list_images(tmp_path)
    assert keys(listing) == sorted(
        ["train/a/000.png", "train/a/001.png", "train/b/000.png", f"{name}/a/000.png"]
    )
    assert {file.split for file in find_image_source(tmp_path).files} == {"train", "validation"}
    assert listing.made_splits == ("test",)
    assert listing.classes == ("a", "b")
    assert listing.ignored_files == 1


def test_one_folder_of_classes_with_subfolders(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, {"a": 1, "b": 1})
    write_images(tmp_path / "a", {"deep": 1})
    listing = find_image_source(tmp_path)
    assert [(file.key, file.label, file.split) for file in listing.files] == [
        ("a/000.png", "a", None),
        ("a/deep/000.png", "a", None),
        ("b/000.png", "b", None),
    ]


def test_hidden_and_other_files_are_counted(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, {"a": 1, "b": 1, "__MACOSX": 1, ".git": 1})
    for name in (".DS_Store", "._000.png", "notes.txt", "Thumbs.db"):
        (tmp_path / "a" / name).write_text("x")
    write_images(tmp_path / "b", {"__MACOSX": 1, ".hidden": 1})
    listing = list_images(tmp_path)
    assert keys(listing) == ["a/000.png", "b/000.png"]
    assert listing.ignored_files == 4


def test_loops_of_links_end(
    tmp_path: Path, write_images: WriteImages, caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path / "data", {"a": 1, "b": 1})
    write_images(tmp_path / "elsewhere", {"more": 1})
    os.symlink(tmp_path / "data", tmp_path / "data" / "a" / "loop")
    os.symlink(tmp_path / "data" / "a", tmp_path / "data" / "a" / "self")
    os.symlink("..", tmp_path / "data" / "up")
    os.symlink(tmp_path / "elsewhere" / "more", tmp_path / "data" / "c")
    os.symlink(tmp_path / "elsewhere" / "more", tmp_path / "data" / "b" / "more")
    os.symlink(tmp_path / "data" / "b", tmp_path / "elsewhere" / "more" / "back")
    listing = list_images(tmp_path / "data")
    assert keys(listing) == [
        "a/000.png",
        "b/000.png",
        "b/more/000.png",
        "c/000.png",
        "c/back/000.png",
    ]
    again, outside = caplog.messages
    assert ": 5 symbolic links lead to a folder that is read already, and are not" in again
    assert f"; {tmp_path}/data/a/loop -> {tmp_path}/data; " in again
    assert ": 3 symbolic links lead out of the folder, and are followed" in outside
    assert f"; {tmp_path}/data/b/more -> {tmp_path}/elsewhere/more; " in outside


def test_a_table(tmp_path: Path) -> None:
    path = table(
        tmp_path / "images.csv",
        "label, path ,split,group,note",
        "b,x/1.png,val,g1,",
        "a,x/2.png,,g2,",
        "a, ./x/0.png ,train,,",
        "b,3.png,training,,",
    )
    for source in (path, tmp_path):
        listing = find_image_source(source)
        assert [(file.key, file.label, file.split, file.group) for file in listing.files] == [
            ("3.png", "b", "train", None),
            ("x/0.png", "a", "train", None),
            ("x/1.png", "b", "validation", "g1"),
            ("x/2.png", "a", None, "g2"),
        ]
        assert listing.files[0].path == tmp_path / "3.png"


def test_groups_are_attached(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path / "data", {"a": 2, "b": 1})
    groups = table(
        tmp_path / "groups.csv",
        "path,group",
        "a/000.png,g",
        f"{tmp_path}/data/b/000.png,g",
        "a/001.png,",
    )
    listing = list_images(tmp_path / "data", groups=groups)
    assert [file.group for file in listing.files] == ["g", None, "g"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (("file,label", "a.png,a"), "images.csv:1: no column 'path'"),
        (("path,labels", "a.png,a"), "no column 'label' in the first line; the file has 'labels'"),
        (("path,label", "a.png,a", ",b"), "images.csv:3 path: no path"),
        (("path,label", "a.png,", "b.png,b"), "images.csv:2 label: no label"),
        (("path,label", "a.png,a", "./a.png,b"), "images.csv:3 path: './a.png' is named twice"),
        (("path,label,split", "a.png,a,tset"), "images.csv:2 split: no split 'tset'; did you mean"),
        (("path,label",), "no images found"),
        (("",), "no column 'path'"),
        (("path,label", "a.png,a", "b.png,a"), "only one class, 'a'"),
        (
            ("path,label,split", "a,a,", "b,b,", "c,c,test"),
            "class 'c' is in the test split but not",
        ),
        (("path,label,split", "1,a,train", "2,b,train", "x/../1,a,test"), "is named twice"),
        (
            ("path,label,split,group", "1,a,train,g", "2,b,train,", "3,a,test,g"),
            "group 'g' has images in the given splits test, train",
        ),
    ],
)
def test_wrong_tables(tmp_path: Path, rows: tuple[str, ...], problem: str) -> None:
    path = table(tmp_path / "images.csv", *rows)
    with pytest.raises(NasError) as caught:
        list_images(path)
    assert problem in str(caught.value)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(NasError, match="UTF-8"):
        list_images(tmp_path / "images.csv")


def test_wrong_groups(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path / "data", {"a": 2, "b": 1})
    groups = table(tmp_path / "g.csv", "path,group", "a/000.png,1", "b/000.png,1")
    with pytest.raises(NasError, match=r"1 of 3 images have no row, first 'a/001.png'"):
        list_images(tmp_path / "data", groups=groups)
    groups = table(tmp_path / "g.csv", "path,group", "a/000.png,1", "a/000.png,2")
    with pytest.raises(NasError, match="in two groups"):
        list_images(tmp_path / "data", groups=groups)
    with pytest.raises(NasError, match="CSV"):
        list_images(tmp_path / "data", groups=tmp_path / "none.csv")


def test_wrong_folders(tmp_path: Path, write_images: WriteImages) -> None:
    (tmp_path / "photos").mkdir()
    cases: list[tuple[str, str]] = [("photo", "did you mean 'photos'"), ("photos", "no images")]
    write_images(tmp_path / "hollow", {"a": 1, "b": 1, "c": 0})
    cases.append(("hollow", "a class folder without images"))
    write_images(tmp_path / "single", {"a": 3})
    cases.append(("single", "only one class, 'a'"))
    write_images(tmp_path / "unknown/train", {"cat": 1, "dog": 1})
    write_images(tmp_path / "unknown/test", {"dogs": 1})
    cases.append(("unknown", "class 'dogs' is in the test split but not in train; did you mean"))
    write_images(tmp_path / "twice/train", {"a": 1, "b": 1})
    write_images(tmp_path / "twice/val", {"a": 1})
    write_images(tmp_path / "twice/valid", {"a": 1})
    cases.append(("twice", "two folders of the validation split, 'val' and 'valid'"))
    write_images(tmp_path / "headless/test", {"a": 1, "b": 1})
    cases.append(("headless", "no folder 'train' beside 'test'"))
    (tmp_path / "list.txt").write_text("a")
    cases.append(("list.txt", "not a folder"))
    for name, problem in cases:
        with pytest.raises(NasError) as caught:
            list_images(tmp_path / name)
        assert problem in str(caught.value)
        assert str(tmp_path) in str(caught.value)
