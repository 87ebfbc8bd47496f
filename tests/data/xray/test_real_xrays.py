"""X-rays of NAS_TEST_XRAY: a data set in its layout, and scans by several makers and encoders."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nas.data.dataset import DataRequest
from nas.data.decode import guarded_pillow
from nas.data.splits import SPLITS
from nas.data.xray.dicom import patient_of, read_dicom
from nas.data.xray.listing import list_xrays
from nas.data.xray.load import load_xrays
from nas.data.xray.preprocess import XrayPreprocess
from nas.spec.definition import InputSpec


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    with guarded_pillow():
        yield


def test_a_compressed_copy_agrees(real_xrays: Path) -> None:
    plain, compressed = (
        read_dicom((real_xrays / "dicom" / f"RG1_{name}.dcm").read_bytes()).astype(int)
        for name in ("UNCI", "J2KI")
    )
    assert plain.shape == (1955, 1841)
    assert np.abs(plain - compressed).mean() < 1
    # MONOCHROME1, and the lungs are darker than the mediastinum all the same.
    assert plain[600:900, 350:600].mean() < plain[600:900, 850:950].mean() - 30


def test_a_mark_inverts(real_xrays: Path) -> None:
    name = "siim_acr_cr_chest_jpeg"
    plain, marked = (
        read_dicom((real_xrays / "dicom" / f"{name}{end}.dcm").read_bytes()).astype(int)
        for end in ("", "_marked_monochrome1")
    )
    assert np.abs(255 - plain - marked).max() <= 1
    assert plain[400:600, 250:400].mean() < plain[400:600, 500:560].mean() - 30


def test_another_encoder(real_xrays: Path) -> None:
    path = real_xrays / "dicom" / "RG3_J2KR.dcm"
    assert read_dicom(path.read_bytes()).shape == (1760, 1760)
    assert patient_of(path) == "11RG3"


def test_real_folds_are_those_of_the_table(real_xrays: Path) -> None:
    listing = list_xrays(real_xrays / "siim", 0)
    assert len(listing.files) == 131
    assert listing.wrong == ()
    assert len({item.group for item in listing.files}) == 102
    assert sum(len(item.boxes) for item in listing.files) == 177
    assert sum(item.split == "test" for item in listing.files) == 27


@pytest.mark.usefixtures("cache_dir")
def test_real_xrays(real_xrays: Path) -> None:
    data = load_xrays(
        DataRequest(
            real_xrays / "siim",
            InputSpec(channels=1, height=64, width=96),
            XrayPreprocess(labels="boxes"),
            splits=SPLITS,
            strict=True,
        )
    )
    counts = [len(boxes) for split in SPLITS for boxes in data.split(split).boxes]
    assert (len(counts), sum(counts)) == (131, 177)
    for split in SPLITS:
        for boxes in data.split(split).boxes:
            assert (boxes[:, :2] < boxes[:, 2:]).all()
            assert (boxes >= 0).all()
            assert (boxes <= [96, 64, 96, 64]).all()
