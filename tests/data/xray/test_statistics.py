"""Figures of a data set of X-rays, by hand-made images."""

from pathlib import Path

import numpy as np
import pytest

from nas.data.statistics import StatisticsRequest
from nas.data.xray.statistics import ShareSpread, xray_statistics
from nas.errors import NasError
from tests.data.xray_files import write_dicom, write_set, write_tables


@pytest.mark.usefixtures("cache_dir")
def test_figures(tmp_path: Path) -> None:
    classes, images = write_set(tmp_path)
    images["i01"] = ("s01", [(0.0, 0.0, 8.0, 3.0), (8.0, 6.0, 16.0, 12.0)])
    images["copy"] = ("s01", [])
    half = np.zeros((10, 20), dtype=np.uint16)
    half[:, 10:] = 9
    for image, (study, _) in images.items():
        path = tmp_path / "train" / study / f"{image}.dcm"
        write_dicom(path, half if image == "i00" else None, PatientID=f"p{study[1]}{image[-1]}")
    (tmp_path / "train" / "s03" / "i03.dcm").write_bytes(b"")
    write_dicom(tmp_path / "train" / "other.dcm")
    write_tables(tmp_path, classes, images)
    found = xray_statistics(StatisticsRequest(tmp_path, seed=1))
    assert found.source == str(tmp_path)
    assert found.classes == ("negative", "typical", "indeterminate", "atypical")
    assert [item.split for item in found.splits] == ["train", "validation", "test"]
    assert [item.given for item in found.splits] == [True, False, False]
    counts = np.array([item.class_counts for item in found.splits])
    assert counts.sum(axis=0).tolist() == [5, 6, 5, 4]
    assert [item.images for item in found.splits] == counts.sum(axis=1).tolist()
    assert sum(item.with_boxes for item in found.splits) == 14
    assert sum(item.studies for item in found.splits) == 19
    assert found.boxes_per_image == (6, 13, 1)
    # 8 of 16 and 3 of 12, 6 of 12 pixels, all others 8 and 6.
    assert found.box_width == ShareSpread(0.5, 0.5, 0.5)
    assert found.box_height == ShareSpread(0.25, 0.5, 0.5)
    assert (found.height.minimum, found.height.median, found.height.maximum) == (10, 12, 12)
    assert (found.width.minimum, found.width.maximum) == (16, 20)
    assert 0.3 < found.mean < 0.7
    assert 0.1 < found.std < 0.4
    assert sum(found.fold_images) == 21
    assert found.ignored_files == 1
    assert [line.split(":")[0] for line in found.unreadable] == ["train/s03/i03.dcm"]
    with pytest.raises(NasError, match="1 unreadable files or rows"):
        xray_statistics(StatisticsRequest(tmp_path, seed=1, strict=True))


@pytest.mark.usefixtures("cache_dir")
def test_a_class_without_images_counts_zero(tmp_path: Path) -> None:
    classes, images = write_set(tmp_path)
    write_tables(tmp_path, dict.fromkeys(classes, "typical"), images)
    found = xray_statistics(StatisticsRequest(tmp_path))
    counts = [item.class_counts for item in found.splits]
    assert counts == [(0, 12, 0, 0), (0, 4, 0, 0), (0, 4, 0, 0)]


@pytest.mark.usefixtures("cache_dir")
def test_without_boxes_there_are_no_sizes_of_them(tmp_path: Path) -> None:
    classes, images = write_set(tmp_path)
    write_tables(tmp_path, classes, {name: (study, []) for name, (study, _) in images.items()})
    found = xray_statistics(StatisticsRequest(tmp_path))
    assert found.boxes_per_image == (20,)
    assert found.box_height is found.box_width is None
    assert found.fold_images == (4, 4, 4, 4, 4)
