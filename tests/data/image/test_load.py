"""Data sets from folder to arrays."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.dataset import DataRequest
from nas.data.image.load import load_images
from nas.data.image.preprocess import ImagePreprocess
from nas.data.image.statistics import image_statistics
from nas.data.statistics import StatisticsRequest
from nas.errors import NasError
from nas.spec.definition import InputSpec
from tests.data.conftest import WriteImages

PREPROCESS = ImagePreprocess()
SIZE = InputSpec(channels=3, height=9, width=12)


def test_labels_paths_and_pixels_belong_together(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    write_images(tmp_path / "data", {"a": 20, "b": 12})
    splits = ("train", "validation", "test")
    data = load_images(DataRequest(tmp_path / "data", SIZE, PREPROCESS, splits=splits))
    assert data.classes == ("a", "b")
    assert data.made_splits == ("validation", "test")
    seen: list[str] = []
    for split in splits:
        part = data.split(split)
        assert len(part) == len(part.pixels) == len(part.paths)
        assert part.labels_N.dtype == np.int64
        for pixels, label, path in zip(part.pixels, part.labels_N, part.paths, strict=True):
            assert path.startswith(data.classes[label])
            np.testing.assert_array_equal(pixels, np.asarray(Image.open(tmp_path / "data" / path)))
        seen += part.paths
    assert len(seen) == len(set(seen)) == 32
    assert data.split("test").class_counts == (4, 2)


def test_only_the_named_splits_are_opened(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    for split in ("train", "val", "test"):
        write_images(tmp_path / split, {"a": 3, "b": 3})
    (tmp_path / "test" / "a" / "000.png").write_bytes(b"broken")
    data = load_images(DataRequest(tmp_path, SIZE, PREPROCESS))
    assert "test" not in data.splits
    assert data.unreadable == ()
    assert data.made_splits == ()
    with pytest.raises(ValueError, match="not loaded"):
        data.split("test")


def test_unreadable_files_are_named_or_stop_a_strict_run(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    for split in ("train", "val", "test"):
        write_images(tmp_path / split, {"a": 3, "b": 3})
    (tmp_path / "train" / "a" / "001.png").write_bytes(b"broken")
    (tmp_path / "val" / "b" / "000.png").write_bytes(b"")
    data = load_images(DataRequest(tmp_path, SIZE, PREPROCESS))
    assert data.unreadable == (
        "train/a/001.png: not an image that Pillow knows",
        "val/b/000.png: not an image that Pillow knows",
    )
    assert data.split("train").paths[:2] == ("train/a/000.png", "train/a/002.png")
    assert data.split("train").class_counts == (2, 3)
    with pytest.raises(NasError, match=r"2 unreadable files or rows: train/a/001.png: not an"):
        load_images(DataRequest(tmp_path, SIZE, PREPROCESS, strict=True))


def test_a_class_without_a_readable_image_is_an_error(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    write_images(tmp_path / "train", {"a": 3, "b": 1})
    write_images(tmp_path / "val", {"a": 1, "b": 1})
    write_images(tmp_path / "test", {"a": 1, "b": 1})
    (tmp_path / "train" / "b" / "000.png").write_bytes(b"broken")
    with pytest.raises(NasError, match="no image of 'b' in the train split can be read"):
        load_images(DataRequest(tmp_path, SIZE, PREPROCESS))


def test_a_split_without_images_is_an_error(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    write_images(tmp_path / "data", {"a": 1, "b": 1})
    with pytest.raises(NasError, match="no images for the validation split"):
        load_images(DataRequest(tmp_path / "data", SIZE, PREPROCESS))
    data = load_images(DataRequest(tmp_path / "data", SIZE, PREPROCESS, splits=("train",)))
    assert len(data.split("train")) == 2


def test_grey(tmp_path: Path, cache_dir: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, {"a": 4, "b": 4})
    part = load_images(
        DataRequest(tmp_path, InputSpec(channels=1, height=9, width=12), PREPROCESS)
    ).split("train")
    expected = np.asarray(Image.open(tmp_path / part.paths[0]).convert("L"))
    np.testing.assert_array_equal(part.pixels[0, ..., 0], expected)
    with pytest.raises(NasError, match="not 2"):
        load_images(DataRequest(tmp_path, InputSpec(channels=2, height=9, width=12), PREPROCESS))


def test_the_seed_and_groups_reach_the_splits(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    write_images(tmp_path / "data", {"a": 20, "b": 20})
    first, again, other = (
        load_images(DataRequest(tmp_path / "data", SIZE, PREPROCESS, seed=seed))
        .split("train")
        .paths
        for seed in (0, 0, 1)
    )
    assert first == again != other
    rows = [f"{label}/{n:03d}.png,{label}{n // 5}" for label in "ab" for n in range(20)]
    (tmp_path / "groups.csv").write_text("path,group\n" + "\n".join(rows))
    data = load_images(
        DataRequest(tmp_path / "data", SIZE, PREPROCESS, groups=tmp_path / "groups.csv")
    )
    groups = [
        {path[:2] + str(int(path[2:5]) // 5) for path in data.split(split).paths}
        for split in ("train", "validation")
    ]
    assert groups[0].isdisjoint(groups[1])


def test_real_photos(real_images: Path, cache_dir: Path) -> None:
    splits = ("train", "validation", "test")
    data = load_images(
        DataRequest(
            real_images, InputSpec(channels=3, height=46, width=64), PREPROCESS, splits=splits
        )
    )
    assert [len(data.split(split)) for split in splits] == [1732, 284, 537]
    assert data.split("train").class_counts == (278, 347, 280, 410, 326, 91)
    assert data.unreadable == ()


@pytest.mark.parametrize(
    "written",
    [r"sub\one.PNG", "sub/ONE.png", "Sub/one.PNG", "sub/one", "sub/one.jpg", "sub/onne.PNG"],
    ids=["backslash", "case", "folder's case", "no ending", "ending", "misspelt"],
)
def test_a_path_of_a_table_that_is_none_names_the_nearest_file(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages, written: str
) -> None:
    write_images(tmp_path, {"sub": 6})
    (tmp_path / "sub" / "000.png").rename(tmp_path / "sub" / "one.PNG")
    rows = [f"{written},a,train"]
    rows += ["sub/001.png,b,train", "sub/002.png,b,val", "sub/003.png,b,test"]
    (tmp_path / "t.csv").write_text("path,label,split\n" + "\n".join(rows) + "\n")
    with pytest.raises(NasError, match="no image of 'a' in the train split can be read") as caught:
        load_images(DataRequest(tmp_path / "t.csv", SIZE, PREPROCESS, splits=("train",)))
    example = f"{written}: No such file or directory; the nearest file is 'sub/one.PNG'"
    assert example in str(caught.value)


def test_a_table_none_of_whose_paths_is_there_names_one(
    tmp_path: Path, cache_dir: Path, write_images: WriteImages
) -> None:
    write_images(tmp_path, {"sub": 4})
    rows = [f"sub\\00{n}.png,{'ab'[n % 2]}" for n in range(4)]
    (tmp_path / "t.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    for read in (
        lambda: load_images(DataRequest(tmp_path / "t.csv", SIZE, PREPROCESS)),
        lambda: image_statistics(StatisticsRequest(tmp_path / "t.csv")),
    ):
        with pytest.raises(NasError, match=r"sub\\00\d\.png: .*nearest file is 'sub/00\d\.png'"):
            read()


def test_a_nul_in_a_path_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"path,label\na.png,a\nb\0.png,b\n")
    with pytest.raises(NasError, match=r"t\.csv:3 path: 'b\\x00\.png' holds a NUL"):
        load_images(DataRequest(tmp_path / "t.csv", SIZE, PREPROCESS))
