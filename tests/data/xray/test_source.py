"""Where a data set of X-rays lies: Kaggle's layout, a description, and what is neither."""

from pathlib import Path

import pytest

from nas.data.xray.source import find_xray_source, holds_xrays
from nas.errors import NasError
from tests.data.xray_files import write_set

TRAIN = "images: train\nstudy_table: train_study_level.csv\nimage_table: train_image_level.csv\n"


def test_kaggles_own_test_folder_has_no_tables_and_is_ignored(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "test").mkdir()
    (tmp_path / "sample_submission.csv").write_text("Id,PredictionString\n")
    found = find_xray_source(tmp_path)
    assert found.root == found.source == tmp_path
    assert found.train.images == tmp_path / "train"
    assert found.test is None
    assert found.meta is None


def test_a_labelled_test_folder_and_meta(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "meta.csv").write_text("image_id\n")
    (tmp_path / "test_study_level.csv").write_text("id\n")
    with pytest.raises(NasError, match="a table of the test split is here, but no 'test'"):
        find_xray_source(tmp_path)
    (tmp_path / "test").mkdir()
    with pytest.raises(NasError, match=r"is here, but no 'test_image_level\.csv'"):
        find_xray_source(tmp_path)
    (tmp_path / "test_image_level.csv").write_text("id\n")
    found = find_xray_source(tmp_path)
    assert found.test is not None
    assert found.test.study_table == tmp_path / "test_study_level.csv"
    assert found.meta == tmp_path / "meta.csv"


def test_a_yaml_file_describes_another_layout(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "more").mkdir()
    description = tmp_path / "chest.yaml"
    description.write_text(
        TRAIN + "test_images: more\ntest_study_table: train_study_level.csv\n"
        "test_image_table: train_image_level.csv\nmeta: train_study_level.csv\n"
    )
    found = find_xray_source(description)
    assert found.root == tmp_path
    assert found.source == description
    assert found.test is not None
    assert found.test.images == tmp_path / "more"
    assert found.meta == tmp_path / "train_study_level.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: train\n", r"chest\.yaml:1 study_table: this key is missing"),
        (
            TRAIN.replace("images: train", "images: tran"),
            r"chest\.yaml:1 images: no such file or folder; did you mean 'train'",
        ),
        (TRAIN + "fold: 3\n", r"chest\.yaml:4 fold: no key 'fold' here"),
        (
            TRAIN + "test_images: train\n",
            r"chest\.yaml:4 test_images: test_images, test_study_table, test_image_table go tog",
        ),
    ],
)
def test_a_wrong_description_is_the_users_mistake(tmp_path: Path, text: str, message: str) -> None:
    write_set(tmp_path)
    (tmp_path / "chest.yaml").write_text(text)
    with pytest.raises(NasError, match=message):
        find_xray_source(tmp_path / "chest.yaml")


def test_what_is_no_data_set(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    (tmp_path / "set" / "train_study_level.csv").unlink()
    with pytest.raises(NasError, match=r"no 'train_study_level\.csv' here; a folder of X-rays"):
        find_xray_source(tmp_path / "set")
    with pytest.raises(NasError, match="no such folder or YAML file; did you mean 'set'"):
        find_xray_source(tmp_path / "sett")
    with pytest.raises(NasError, match=r"not a folder, and not a \.yaml file"):
        find_xray_source(tmp_path / "set" / "train_image_level.csv")


def test_a_data_set_is_told_apart_by_its_tables_and_keys(tmp_path: Path) -> None:
    write_set(tmp_path)
    assert holds_xrays(tmp_path)
    assert not holds_xrays(tmp_path / "train")
    assert not holds_xrays(tmp_path / "none.yaml")
    for text, is_one in ((TRAIN, True), ("study_table: x\n", True), ("audio: x\n", False)):
        (tmp_path / "d.yaml").write_text(text)
        assert holds_xrays(tmp_path / "d.yaml") is is_one
    (tmp_path / "d.yaml").write_text("- a\n")
    assert not holds_xrays(tmp_path / "d.yaml")
