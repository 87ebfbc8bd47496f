"""Which X-rays a submission is for."""

from pathlib import Path

import pytest

from nas.errors import NasError
from nas.tasks.covid.findings import (
    SubmittedXray,
    listed_for_submission,
    submitted,
    truth_of,
    xrays_in,
)
from tests.data.xray_files import write_dicom, write_set, write_tables


def test_a_folder_of_studies(tmp_path: Path) -> None:
    """Kaggle's own layout has a folder for each series; a picture may lie in its study's."""
    for path in ("s2/series/b.dcm", "s1/series/a.dcm", "s1/other/c.dcm"):
        write_dicom(tmp_path / path)
    (tmp_path / "s2" / "notes.txt").write_text("no X-ray")
    assert xrays_in(tmp_path) == [
        SubmittedXray("a", "s1", tmp_path / "s1/series/a.dcm"),
        SubmittedXray("b", "s2", tmp_path / "s2/series/b.dcm"),
        SubmittedXray("c", "s1", tmp_path / "s1/other/c.dcm"),
    ]


def test_what_is_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no X-rays here"):
        xrays_in(tmp_path)
    write_dicom(tmp_path / "s1" / "a.dcm")
    write_dicom(tmp_path / "s2" / "a.dcm")
    with pytest.raises(NasError, match=r"two files of one image, 's1/a\.dcm' and 's2/a\.dcm'"):
        xrays_in(tmp_path)
    (tmp_path / "s2" / "a.dcm").rename(tmp_path / "b.dcm")
    with pytest.raises(NasError, match=r"b\.dcm.*lies in no study's folder"):
        xrays_in(tmp_path)


@pytest.mark.usefixtures("_own_cache")
class TestLabelled:
    @pytest.fixture
    def _own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))

    def test_all_or_one_split(self, tmp_path: Path) -> None:
        write_set(tmp_path / "set")
        every = listed_for_submission(tmp_path / "set", None, 0)
        assert sorted(item.id for item in every) == [f"i{n:02d}" for n in range(20)]
        by_fold = [listed_for_submission(tmp_path / "set", "test", fold) for fold in range(5)]
        ids = [item.id for part in by_fold for item in part]
        assert sorted(ids) == sorted(item.id for item in every)  # each is in one fold's test split
        assert {item.split for item in by_fold[2]} == {"test"}

    def test_a_split_without_images(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        lines = [f"i{n:02d},{n % 4}" for n in range(20)]
        (tmp_path / "meta.csv").write_text("image_id,fold\n" + "\n".join(lines) + "\n")
        with pytest.raises(NasError, match="no images in the test split"):
            listed_for_submission(tmp_path, "test", 4)

    def test_what_the_tables_say_is_the_truth(self, tmp_path: Path) -> None:
        """In the pixels of the files; a study of two images is there once."""
        classes, images = write_set(tmp_path)
        images |= {"second": ("s00", []), "copy": ("s01", [])}
        write_tables(tmp_path, classes, images)
        for name in ("second", "copy"):
            write_dicom(tmp_path / "train" / f"{name}.dcm")
        listed = listed_for_submission(tmp_path, None, 0)
        truth = truth_of(listed)
        assert truth.studies == {study: (name,) for study, name in classes.items()}
        assert truth.images == {name: boxes for name, (_, boxes) in images.items()}
        rows = {row.image_id: row for row in submitted(listed)}
        assert rows.keys() == images.keys()
        assert rows["i05"] == SubmittedXray("i05", "s05", tmp_path / "train" / "s05" / "i05.dcm")
        assert rows["second"].study_id == "s00"
