"""Generated radiographs: true tables, every form of DICOM, labels that can be learned."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless

from nas.data.decode import guarded_pillow
from nas.data.synthetic.chest import draw_anatomy, draw_blobs, draw_view, radiograph
from nas.data.synthetic.xrays import (
    DicomForm,
    GeneratedXrays,
    built_in_xrays,
    dicom_bytes,
    write_xrays,
)
from nas.data.xray.dicom import read_dicom
from nas.data.xray.listing import list_xrays
from nas.data.xray.siim import STUDY_CLASSES

SMALL = GeneratedXrays(patients=40, second_studies=5, copies=3, shortest=40, longest=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated")
    write_xrays(path, SMALL)
    return path


def test_tables_fit_the_files(folder: Path) -> None:
    listing = list_xrays(folder, 0)
    assert listing.wrong == ()
    assert listing.ignored_files == 0
    assert len(listing.files) == 48
    assert len({item.study_id for item in listing.files}) == 45
    assert len({item.patient for item in listing.files}) == 40
    assert sum(item.unmarked for item in listing.files) == 3
    for item in listing.files:
        assert (len(item.boxes) > 0) == (item.study_class != "negative" and not item.unmarked)
        if item.study_class in ("indeterminate", "atypical") and not item.unmarked:
            assert len(item.boxes) == 1
    counts = Counter((item.study_class, item.fold) for item in listing.files)
    assert all(counts[name, fold] >= 1 for name in STUDY_CLASSES for fold in range(5))


def test_files_are_of_every_form(folder: Path) -> None:
    headers = [dcmread(path, stop_before_pixels=True) for path in folder.rglob("*.dcm")]
    assert {header.BitsStored for header in headers} == {12, 15}
    kinds = {header.PhotometricInterpretation for header in headers}
    assert kinds == {"MONOCHROME1", "MONOCHROME2"}
    for some in (
        [header.file_meta.TransferSyntaxUID == RLELossless for header in headers],
        ["WindowCenter" in header for header in headers],
        ["RescaleSlope" in header for header in headers],
    ):
        assert {True, False} == set(some)
    assert all(40 <= header.Rows <= 64 and header.Rows != header.Columns for header in headers)
    assert all(header.PatientID for header in headers)


@pytest.mark.parametrize("bits", [12, 15])
@pytest.mark.parametrize("option", ["", "inverted", "windowed", "rescaled", "compressed"])
def test_every_form_shows_the_same(bits: int, option: str) -> None:
    brightness = np.linspace(0, 1, 400).reshape(20, 20)
    options = {option: True} if option else {}
    with guarded_pillow():
        found = read_dicom(dicom_bytes(brightness, DicomForm(bits, **options), "a", "p"))
    expected = np.floor(brightness * 255 + 0.5)
    # A window spreads all but a hundredth at either end.
    assert np.abs(found - expected).max() <= (4 if option == "windowed" else 1)


def test_opacities_lie_in_their_boxes() -> None:
    for seed in range(12):
        generator = np.random.default_rng(seed)
        anatomy, view = draw_anatomy(generator), draw_view(generator)
        blobs = draw_blobs(STUDY_CLASSES[1 + seed % 3], generator)
        with_blobs, boxes = radiograph(anatomy, blobs, view, (96, 80), np.random.default_rng(0))
        without, none = radiograph(anatomy, (), view, (96, 80), np.random.default_rng(0))
        assert none == ()
        assert len(boxes) == len(blobs)
        change = with_blobs - without
        inside = np.zeros(change.shape, dtype=bool)
        for x1, y1, x2, y2 in boxes:
            assert 0 <= x1 < x2 <= 80
            assert 0 <= y1 < y2 <= 96
            part = np.s_[int(y1) : int(y2), int(x1) : int(x2)]
            inside[part] = True
            assert change[part].max() > 0.08
        assert change[inside].sum() > 0.7 * change.sum()


def test_classes_differ_in_sides_sizes_and_places() -> None:
    for seed in range(40):
        blobs = {name: draw_blobs(name, np.random.default_rng([seed, 1])) for name in STUDY_CLASSES}
        assert blobs["negative"] == ()
        assert {blob.side for blob in blobs["typical"]} == {-1, 1}
        assert len({blob.side for blob in blobs["indeterminate"]}) == 1
        (small,) = blobs["atypical"]
        assert small.radius < 0.11 < min(blob.radius for blob in blobs["indeterminate"])
        assert small.down > 0.7


def test_lungs_are_brighter_where_they_are_ill() -> None:
    """The mean of a lung tells most images without opacities from those with them, not all."""
    means = {name: [] for name in ("negative", "typical")}
    for seed in range(40):
        for name, found in means.items():
            generator = np.random.default_rng([seed, name == "typical"])
            anatomy, blobs = draw_anatomy(generator), draw_blobs(name, generator)
            bright, _ = radiograph(anatomy, blobs, draw_view(generator), (64, 64), generator)
            found.append(bright[16:44, 8:24].mean() - bright[50:60, 16:48].mean())
    negative, typical = (np.array(found) for found in means.values())
    higher = (typical[:, None] > negative).mean()
    assert 0.7 < higher < 0.999


def test_the_seed_alone_decides(folder: Path, tmp_path: Path) -> None:
    contents = []
    for name, seed in (("again", 0), ("other", 1)):
        settings = GeneratedXrays(40, 5, 3, shortest=40, longest=64, seed=seed)
        write_xrays(tmp_path / name, settings)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    first = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
    assert {path: content for path, content in first.items() if content} == contents[0]
    assert contents[0].keys() != contents[1].keys()


def test_settings_that_make_no_xrays_are_refused() -> None:
    for wrong in ({"second_studies": 131}, {"shortest": 8}, {"shortest": 200}):
        with pytest.raises(ValueError, match="sides from 32 pixels"):
            GeneratedXrays(**wrong)


def test_boxes_in_the_table_are_those_of_the_label(folder: Path) -> None:
    with (folder / "train_image_level.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 48
    assert all(row["label"].count("opacity") == row["boxes"].count("width") for row in rows)


def test_without_a_cache_the_set_is_removed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = GeneratedXrays(patients=6, second_studies=0, copies=0, shortest=32, longest=34)
    monkeypatch.setattr("nas.data.synthetic.xrays.GeneratedXrays", lambda: small)
    (tmp_path / "file").write_text("no folder")
    for cache_dir in (None, tmp_path / "file"):
        with built_in_xrays(cache_dir) as place:
            assert len(list(place.rglob("*.dcm"))) == 6
        assert not place.exists()


def test_a_half_written_set_is_not_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = GeneratedXrays(patients=6, second_studies=0, copies=0, shortest=32, longest=34)
    monkeypatch.setattr("nas.data.synthetic.xrays.GeneratedXrays", lambda: small)

    def stop(folder: Path, settings: GeneratedXrays) -> None:
        (folder / "train").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nas.data.synthetic.xrays.write_xrays", stop)
        with pytest.raises(KeyboardInterrupt), built_in_xrays(tmp_path):
            pass
    with built_in_xrays(tmp_path) as place:
        assert len(list(place.rglob("*.dcm"))) == 6
    assert [path for path in place.parent.iterdir() if path.is_dir()] == [place]
