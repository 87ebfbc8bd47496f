"""X-rays of a data set: ids and files, rows without them, patients, folds and splits."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from nas.data.xray import splits as patients_module
from nas.data.xray.listing import XrayListing, list_xrays
from nas.errors import NasError
from tests.data.xray_files import write_dicom, write_set, write_tables

SPLITS = ("train", "validation", "test")


def ids(listing: XrayListing, split: str) -> set[str]:
    return {item.id for item in listing.files if item.split == split}


def rows(root: Path, table: str, *lines: str) -> None:
    with (root / table).open("a") as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def test_files_at_any_depth_are_found_by_their_ids(tmp_path: Path) -> None:
    write_set(tmp_path)
    path = tmp_path / "train" / "s01" / "i01.dcm"
    (path.parent / "series").mkdir()
    path.rename(path.parent / "series" / "i01.DCM")
    write_dicom(tmp_path / "train" / "unlabelled.dcm")
    (tmp_path / "train" / "s01" / ".i02.dcm").write_bytes(b"")
    (tmp_path / "train" / "notes.txt").write_text("")
    listing = list_xrays(tmp_path, 0)
    assert len(listing.files) == 20
    assert listing.wrong == ()
    assert listing.ignored_files == 1
    assert listing.made_splits == ("validation", "test")
    (item,) = [item for item in listing.files if item.id == "i01"]
    assert item.key == "train/s01/series/i01.DCM"
    assert (item.study_id, item.study_class, item.group) == ("s01", "typical", "s01")
    assert item.boxes == ((2, 3, 10, 9),)
    assert item.place == "train_image_level.csv:3"
    order = [(SPLITS.index(item.split), item.id) for item in listing.files]
    assert order == sorted(order)


def test_seeds_0_to_4_are_the_folds_of_one_partition(tmp_path: Path) -> None:
    write_set(tmp_path, 40)
    listings = [list_xrays(tmp_path, seed) for seed in range(5)]
    everything = {f"i{n:02d}" for n in range(40)}
    for split in ("test", "validation"):
        parts = [ids(listing, split) for listing in listings]
        assert sum(map(len, parts)) == 40
        assert set().union(*parts) == everything
    for seed, listing in enumerate(listings):
        assert {item.fold for item in listing.files if item.split == "test"} == {seed}
        assert len(ids(listing, "train")) == 24
    assert ids(list_xrays(tmp_path, 5), "test") not in [ids(item, "test") for item in listings]


def test_the_patient_is_read_from_headers_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = tmp_path / "set", tmp_path / "cache"
    _, images = write_set(root)
    for number, (image, (study, _)) in enumerate(images.items()):
        patient = f"p{number // 2}" if number < 19 else ""
        write_dicom(root / "train" / study / f"{image}.dcm", PatientID=patient)
    listing = list_xrays(root, 0, cache_dir=cache)
    assert {item.group for item in listing.files} == {"s19", *(f"p{n}" for n in range(10))}
    splits = defaultdict(set)
    for item in listing.files:
        splits[item.group].add(item.split)
    assert all(len(found) == 1 for found in splits.values())

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(patients_module, "patient_of", refuse)
    assert list_xrays(root, 0, cache_dir=cache) == listing


def test_meta_names_patients_before_headers_do(tmp_path: Path) -> None:
    write_set(tmp_path)
    write_dicom(tmp_path / "train" / "s00" / "i00.dcm", PatientID="header")
    write_dicom(tmp_path / "train" / "s01" / "i01.dcm", PatientID="header")
    (tmp_path / "meta.csv").write_text("image_id,patient\ni00,anna\ni02,\nlost,bo\ni01,x,3,4\n")
    listing = list_xrays(tmp_path, 0)
    patients = {item.id: item.patient for item in listing.files}
    assert (patients["i00"], patients["i01"], patients["i02"]) == ("anna", "x", None)
    assert listing.wrong == ("meta.csv:4: no image 'lost' in the data set",)


def test_given_folds_stand_as_they_are(tmp_path: Path) -> None:
    write_set(tmp_path)
    lines = [f"i{n:02d},p{n % 10},{n % 5}" for n in range(20)]
    meta = tmp_path / "meta.csv"
    meta.write_text("image_id,patient,fold\n" + "\n".join(lines) + "\n")
    for seed in (1, 6):
        listing = list_xrays(tmp_path, seed)
        assert ids(listing, "test") == {"i01", "i06", "i11", "i16"}
        assert ids(listing, "validation") == {"i02", "i07", "i12", "i17"}
    meta.write_text("image_id,patient,fold\n" + "\n".join(lines[1:]) + "\n")
    with pytest.raises(NasError, match=r"meta\.csv fold: 1 of 20 images have no fold: i00; give"):
        list_xrays(tmp_path, 0)
    meta.write_text("image_id,patient,fold\n" + "\n".join([*lines[1:], "i00,p9,0"]) + "\n")
    with pytest.raises(NasError, match=r"meta\.csv fold: 1 patients or studies in two folds.*p9"):
        list_xrays(tmp_path, 0)


def test_a_study_in_two_given_folds_is_refused(tmp_path: Path) -> None:
    classes, images = write_set(tmp_path)
    images["i01"] = ("s00", [])
    write_tables(tmp_path, classes, images)
    lines = [f"i{n:02d},{n % 5}" for n in range(20)]
    (tmp_path / "meta.csv").write_text("image_id,fold\n" + "\n".join(lines) + "\n")
    with pytest.raises(NasError, match="1 patients or studies in two folds or more: s00"):
        list_xrays(tmp_path, 0)


def test_a_table_of_groups_goes_before_patients(tmp_path: Path) -> None:
    _, images = write_set(tmp_path)
    for image, (study, _) in images.items():
        write_dicom(tmp_path / "train" / study / f"{image}.dcm", PatientID="anonymous")
    with pytest.raises(NasError, match="only 1 patients or studies: anonymous; 5 folds need 5"):
        list_xrays(tmp_path, 0)
    lines = [f"train/s{n:02d}/i{n:02d}.dcm,{f'site{n // 4}' if n else ''}" for n in range(20)]
    table = tmp_path / "sites.csv"
    table.write_text("path,group\n" + "\n".join(lines) + "\n")
    listing = list_xrays(tmp_path, 0, table)
    assert {item.group for item in listing.files} == {"s00", *(f"site{n}" for n in range(5))}
    table.write_text("path,group\n" + "\n".join(lines[1:]) + "\n")
    with pytest.raises(NasError, match=r"1 of 20 images have no row, first 'train/s00/i00\.dcm'"):
        list_xrays(tmp_path, 0, table)


def test_a_given_test_split_leaves_validation_to_be_made(tmp_path: Path) -> None:
    write_set(tmp_path)
    write_dicom(tmp_path / "test" / "t0.dcm")
    write_tables(tmp_path, {"u": "typical"}, {"t0": ("u", [(1, 1, 2, 2)])}, "test")
    listing = list_xrays(tmp_path, 2)
    assert listing.made_splits == ("validation",)
    assert ids(listing, "test") == {"t0"}
    assert {item.fold for item in listing.files if item.split == "validation"} == {2}
    assert len(ids(listing, "train")) == 16


def test_nothing_is_in_both_train_and_test(tmp_path: Path) -> None:
    write_set(tmp_path)
    write_dicom(tmp_path / "test" / "i00.dcm")
    write_tables(tmp_path, {"u": "typical"}, {"i00": ("u", [])}, "test")
    with pytest.raises(NasError, match="1 image ids in both train and test: i00"):
        list_xrays(tmp_path, 0)
    (tmp_path / "test" / "i00.dcm").rename(tmp_path / "test" / "t.dcm")
    write_tables(tmp_path, {"s03": "typical"}, {"t": ("s03", [])}, "test")
    with pytest.raises(NasError, match="1 patients or studies in both train and test: s03"):
        list_xrays(tmp_path, 0)
    write_tables(tmp_path, {"u": "typical"}, {"t": ("u", [])}, "test")
    (tmp_path / "meta.csv").write_text("image_id,patient\nt,anna\ni07,anna\n")
    with pytest.raises(NasError, match="1 patients or studies in both train and test: anna"):
        list_xrays(tmp_path, 0)
    (tmp_path / "meta.csv").unlink()
    (tmp_path / "test" / "t.dcm").unlink()
    (tmp_path / "test" / "t.dcm").symlink_to(tmp_path / "train" / "s00" / "i00.dcm")
    with pytest.raises(NasError, match="1 files in both train and test"):
        list_xrays(tmp_path, 0)


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "train" / "s03" / "i03.dcm").unlink()
    rows(tmp_path, "train_study_level.csv", "empty_study,1,0,0,0", "two_study,1,1,0,0")
    rows(tmp_path, "train_image_level.csv", "x_image,,none 1 0 0 1 1,two")
    listing = list_xrays(tmp_path, 0)
    assert listing.wrong == (
        "train_study_level.csv:23: the four classes are '1', '1', '0', '0', not one 1 and 0s",
        "train_image_level.csv:22: no usable row of study 'two' in the table of studies",
        "train_study_level.csv:22: no usable row of an image of study 'empty'",
        "train_image_level.csv:5: no file of image 'i03' in train",
    )
    assert len(listing.files) == 19


def test_what_is_no_file_is_said_to_be_there(tmp_path: Path) -> None:
    write_set(tmp_path)
    for n, study in ((1, "s01"), (2, "s02"), (3, "s03")):
        (tmp_path / "train" / study / f"i0{n}.dcm").unlink()
    (tmp_path / "train" / "s01" / "i01.dcm").mkdir()
    os.mkfifo(tmp_path / "train" / "s02" / "i02.dcm")
    (tmp_path / "train" / "s03" / "i03.dcm").symlink_to(tmp_path / "none.dcm")
    assert list_xrays(tmp_path, 0).wrong == (
        "train_image_level.csv:3: 'train/s01/i01.dcm' is no file",
        "train_image_level.csv:4: 'train/s02/i02.dcm' is no file",
        "train_image_level.csv:5: 'train/s03/i03.dcm' is no file",
    )


def test_copies_without_boxes_are_known_even_where_the_marked_one_is_lost(tmp_path: Path) -> None:
    classes, images = write_set(tmp_path)
    images |= {"c1": ("s01", []), "c0": ("s00", []), "c2": ("s02", [(1.0, 1.0, 4.0, 4.0)])}
    write_tables(tmp_path, classes, images)
    for name in ("c0", "c1", "c2"):
        write_dicom(tmp_path / "train" / f"{name}.dcm")
    (tmp_path / "train" / "s01" / "i01.dcm").unlink()
    unmarked = {item.id for item in list_xrays(tmp_path, 0).files if item.unmarked}
    assert unmarked == {"c1"}


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda root: write_dicom(root / "train" / "i00.jpg"), "two files of one image, 'i00.jpg'"),
        (lambda root: write_tables(root, {}, {}), r"no row fits an image in train$"),
        (
            lambda root: write_tables(root, {}, {"i00": ("s", [])}),
            "no row fits an image in train: train_image_level.csv:2: no usable row of study",
        ),
        (
            lambda root: write_tables(
                root,
                {f"s{n:02d}": "typical" for n in range(4)},
                {f"i{n:02d}": (f"s{n:02d}", []) for n in range(4)},
            ),
            "only 4 patients or studies: s00; s01; s02; ...",
        ),
        (
            lambda root: write_tables(
                root,
                {f"s{n:02d}": ("typical", "negative")[n % 2] for n in range(8)},
                {f"i{n:02d}": (f"s{n:02d}", []) for n in range(8)},
            ),
            "no class has 5 images, one for each fold",
        ),
    ],
)
def test_a_data_set_that_cannot_be_divided(tmp_path: Path, break_it, message: str) -> None:
    write_set(tmp_path)
    break_it(tmp_path)
    with pytest.raises(NasError, match=message):
        list_xrays(tmp_path, 0)


def test_a_folder_without_xrays(tmp_path: Path) -> None:
    write_set(tmp_path, 0)
    (tmp_path / "train").mkdir()
    endings = r"\.dcm, \.dicom, .*\.jpeg, .*\.png, .*\.webp$"
    with pytest.raises(NasError, match=rf"no X-rays here; files are read that end in {endings}"):
        list_xrays(tmp_path, 0)
