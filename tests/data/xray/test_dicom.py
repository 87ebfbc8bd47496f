"""DICOM files by hand-worked pixels: every transfer syntax, LUTs, windows, what can't be read."""

import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from nas.data.decode import guarded_pillow
from nas.data.xray.dicom import UnreadableXray, is_dicom, patient_of, read_dicom
from tests.data.xray_files import content_of, dataset_of, encoded_by_gdcm, write_dicom

STEPS = np.array([[0, 100], [200, 400]], dtype=np.uint16)
STEPS_SHOWN = [[0, 64], [128, 255]]  # 63.75, 127.5
NOISE = np.random.default_rng(0).integers(0, 4096, (24, 20)).astype(np.uint16)
NOISE[0, :2] = 0, 4095


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    with guarded_pillow():
        yield


def shown(pixels: np.ndarray, **elements) -> list:
    found = read_dicom(content_of(dataset_of(pixels, **elements)))
    assert found.dtype == np.uint8
    return found.tolist()


def lut(values: list[int], first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(values), first, bits])
    item.add_new(0x00283006, "US", values)
    return item


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_uncompressed_pixels(syntax) -> None:
    content = content_of(dataset_of(STEPS, syntax))
    assert is_dicom(content)
    assert read_dicom(content).tolist() == STEPS_SHOWN


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_file_without_a_preamble(syntax) -> None:
    content = content_of(dataset_of(STEPS, syntax), preamble=False)
    assert not is_dicom(content)
    assert read_dicom(content).tolist() == STEPS_SHOWN


def test_rle() -> None:
    dataset = dataset_of(NOISE, BitsStored=12, HighBit=11)
    plain = read_dicom(content_of(dataset))
    dataset.compress(RLELossless)
    np.testing.assert_array_equal(read_dicom(content_of(dataset)), plain)
    np.testing.assert_array_equal(plain, np.floor(NOISE / 4095 * 255 + 0.5))


def test_run_lengths_with_the_bytes_of_another_header() -> None:
    """What begins a JPEG 2000 codestream are ordinary pixels here."""
    pixels = np.tile(np.array([0xFF, 0x4F, 0xFF, 0x51, 0, 47, 0, 1], np.uint8), (6, 5))
    dataset = dataset_of(pixels)
    dataset.compress(RLELossless)
    assert b"\xff\x4f\xff\x51" in dataset.PixelData
    assert np.array_equal(read_dicom(content_of(dataset)), pixels)


@pytest.mark.parametrize(
    "syntax",
    [
        "JPEGLosslessProcess14",
        "JPEGLosslessProcess14_1",
        "JPEGLSLossless",
        "JPEG2000Lossless",
        "RLELossless",
    ],
)
def test_lossless_compression_changes_nothing(tmp_path: Path, syntax: str) -> None:
    plain = content_of(dataset_of(NOISE, BitsStored=12, HighBit=11))
    encoded = encoded_by_gdcm(plain, syntax, tmp_path)
    assert encoded != plain
    np.testing.assert_array_equal(read_dicom(encoded), read_dicom(plain))


def test_jpeg_is_near_what_it_was_made_of(tmp_path: Path) -> None:
    smooth = (np.add.outer(np.arange(24), np.arange(20)) * 5).astype(np.uint8)
    plain = content_of(dataset_of(smooth))
    found = read_dicom(encoded_by_gdcm(plain, "JPEGBaselineProcess1", tmp_path))
    assert np.abs(found.astype(int) - read_dicom(plain)).max() <= 4


def test_low_values_are_bright_in_monochrome1() -> None:
    assert shown(STEPS, PhotometricInterpretation="MONOCHROME1") == [[255, 191], [128, 0]]


def test_signed_values() -> None:
    assert shown(np.array([[-100, 0, 300]], dtype=np.int16)) == [[0, 64, 255]]


def test_bits_above_those_stored_are_not_looked_at() -> None:
    marked = STEPS | np.array([[0x8000, 0], [0, 0x4000]], dtype=np.uint16)
    assert shown(marked, BitsStored=12, HighBit=11) == STEPS_SHOWN


def test_a_rescaling_that_turns_values_round() -> None:
    pixels = np.array([[0, 1], [3, 4]], dtype=np.uint16)
    assert shown(pixels, RescaleSlope=-2, RescaleIntercept=10) == [[255, 191], [64, 0]]


@pytest.mark.parametrize(("center", "width"), [(100, 101), ([100, 3], [101, 2])])
def test_the_first_window(center: object, width: object) -> None:
    # PS3.3, C.11.2.1.2.1: up to 49.5 is black, above 149.5 white, (x - 99.5) / 100 + 0.5 between.
    pixels = np.array([[0, 50, 99, 100, 149, 150, 900]], dtype=np.uint16)
    found = shown(pixels, WindowCenter=center, WindowWidth=width)
    assert found == [[0, 1, 126, 129, 254, 255, 255]]


def test_a_window_is_of_rescaled_values() -> None:
    pixels = np.array([[0, 25, 50, 75, 100]], dtype=np.uint16)
    scale = {"RescaleSlope": 2, "RescaleIntercept": -50}  # to -50, 0, 50, 100, 150
    found = shown(pixels, WindowCenter=50.5, WindowWidth=101, **scale)  # 0 to 100
    assert found == [[0, 0, 128, 255, 255]]


def test_a_voi_lut_goes_before_a_window() -> None:
    pixels = np.array([[5, 6, 7, 8]], dtype=np.uint16)
    sequence = {"VOILUTSequence": [lut([10, 0, 30, 20], 5, 16), lut([0, 1, 2, 3], 5, 16)]}
    assert shown(pixels, **sequence) == [[85, 0, 255, 170]]
    assert shown(pixels, **sequence, WindowCenter=6, WindowWidth=2) == [[85, 0, 255, 170]]


def test_values_beyond_a_lut_have_its_ends() -> None:
    pixels = np.array([[0, 5, 6, 900]], dtype=np.uint16)
    assert shown(pixels, VOILUTSequence=[lut([10, 40, 50], 5, 16)]) == [[0, 0, 191, 255]]


def test_a_modality_lut() -> None:
    pixels = np.array([[0, 1, 2]], dtype=np.uint16)
    assert shown(pixels, ModalityLUTSequence=[lut([9, 4, 5], 0, 16)]) == [[255, 0, 51]]


def test_only_values_that_are_there_are_spread() -> None:
    pixels = np.array([[0, 2]], dtype=np.uint16)
    assert shown(pixels, VOILUTSequence=[lut([10, 99, 30], 0, 16)]) == [[0, 255]]


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_a_constant_picture_is_black(kind: str) -> None:
    assert shown(np.full((2, 2), 7, np.uint16), PhotometricInterpretation=kind) == [[0, 0], [0, 0]]


def test_colour_becomes_grey() -> None:
    pixels = np.array([[[0, 0, 0], [255, 0, 0], [0, 255, 0], [255, 255, 255]]], dtype=np.uint8)
    assert shown(pixels) == [[0, 76, 150, 255]]
    neutral = np.array([[[0, 128, 128], [51, 128, 128], [255, 128, 128]]], dtype=np.uint8)
    assert shown(neutral, PhotometricInterpretation="YBR_FULL") == [[0, 51, 255]]


def test_the_first_of_several_frames() -> None:
    frames = np.array([[0, 100], [200, 400], [9, 9], [9, 1]], dtype=np.uint16)
    assert shown(frames, Rows=2, NumberOfFrames=2) == STEPS_SHOWN


def test_warnings_do_not_leak_from_threads() -> None:
    padded = dataset_of(STEPS)
    padded.PixelData += bytes(20)  # pydicom warns of what is too much
    content = content_of(padded)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_dicom, [content] * 40))
    assert all(pixels.tolist() == STEPS_SHOWN for pixels in found)


def without(name: str) -> Dataset:
    dataset = dataset_of(STEPS)
    del dataset[name]
    return dataset


def with_float_pixels() -> Dataset:
    dataset = without("PixelData")
    dataset.FloatPixelData = STEPS.astype("<f4").tobytes()
    return dataset


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (without("PixelData"), "^no pixel data$"),
        (with_float_pixels(), "^no pixel data in whole numbers$"),
        (without("Rows"), "^Missing required element: .*Rows"),
        (dataset_of(STEPS, Columns=3), "less than expected"),
        (dataset_of(STEPS, Rows=60_000, Columns=60_000), "3600000000 pixels, more than the"),
        (dataset_of(STEPS, PhotometricInterpretation="PALETTE COLOR"), "PALETTE COLOR pixels; al"),
        (dataset_of(STEPS.astype(np.uint32) * 1000), "values from 0 to 400000: more than 16 bits"),
        (dataset_of(STEPS, RescaleSlope="1e308", RescaleIntercept=0), "no numbers"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(dataset: Dataset, reason: str) -> None:
    with pytest.raises(UnreadableXray, match=reason) as caught:
        read_dicom(content_of(dataset))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 200


@pytest.mark.parametrize(
    ("syntax", "marker", "place", "form"),
    [
        ("JPEG2000Lossless", b"\xff\x51", 6, ">II"),
        ("JPEGLSLossless", b"\xff\xf7", 5, ">HH"),
        ("JPEGLosslessProcess14_1", b"\xff\xc3", 5, ">HH"),
    ],
)
def test_a_compressed_picture_that_claims_another_size(
    tmp_path: Path, syntax: str, marker: bytes, place: int, form: str
) -> None:
    plain = content_of(dataset_of(NOISE, BitsStored=12, HighBit=11))
    content = bytearray(encoded_by_gdcm(plain, syntax, tmp_path))
    start = content.index(marker) + place
    assert sorted(struct.unpack_from(form, content, start)) == [20, 24]
    struct.pack_into(form, content, start, 60_000, 60_000)
    with pytest.raises(UnreadableXray, match=r"within is 60000 x 60000, the file says 24 x 20$"):
        read_dicom(bytes(content))


def test_a_deflated_file_is_not_inflated_beyond_all_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dataset_of(STEPS, DeflatedExplicitVRLittleEndian, PatientID="anna")
    dataset.ImageComments = "a" * 50_000
    content = content_of(dataset)
    assert len(content) < 2_000
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    assert read_dicom(content).tolist() == STEPS_SHOWN
    assert patient_of(path) == "anna"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(UnreadableXray, match=r"holds more than 40000 bytes once it is inflated"):
        read_dicom(content)
    assert patient_of(path) is None


def test_an_unknown_transfer_syntax() -> None:
    dataset = dataset_of(STEPS)
    content = content_of(dataset).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    with pytest.raises(UnreadableXray, match="Transfer Syntax"):
        read_dicom(content)


def test_a_file_cut_off_anywhere(tmp_path: Path) -> None:
    plain = content_of(dataset_of(NOISE, BitsStored=12, HighBit=11))
    forms = (
        plain,
        encoded_by_gdcm(plain, "JPEG2000Lossless", tmp_path),
        content_of(dataset_of(NOISE, DeflatedExplicitVRLittleEndian)),
    )
    for content in forms:
        # From byte 132 on it can be told from other files, and here none ends between elements.
        for length in [*range(0, 300, 37), 333, len(content) // 2, len(content) - 30]:
            reason = "not a DICOM file$" if length < 132 else "a DICOM file that is cut off"
            with pytest.raises(UnreadableXray, match=f"^{reason}"):
                read_dicom(content[:length])


def test_a_file_without_a_preamble_that_is_cut_off() -> None:
    content = content_of(dataset_of(NOISE), preamble=False)
    for length in (12, 74, 148, 500, len(content) - 1):
        with pytest.raises(UnreadableXray, match=r"^a DICOM file that is cut off"):
            read_dicom(content[:length])


def test_a_missing_byte_behind_the_pixels_is_not_looked_at() -> None:
    odd = np.array([[0, 51, 255]], dtype=np.uint8)  # filled up to four bytes
    content = content_of(dataset_of(odd))
    assert read_dicom(content[:-1]).tolist() == read_dicom(content).tolist() == [[0, 51, 255]]


def test_other_files_are_no_dicom() -> None:
    text = b"plain text that goes on for longer than the preamble of a DICOM file is\n" * 9
    for content in (b"", b"no image", text, bytes(400), b"\x89PNG\r\n\x1a\n" + bytes(200)):
        with pytest.raises(UnreadableXray, match=r"^not a DICOM file$"):
            read_dicom(content)


def test_the_patient_is_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    write_dicom(path, PatientID=" anna ")
    assert patient_of(path) == "anna"
    path.write_bytes(path.read_bytes()[:-200])  # pixels are not read
    assert patient_of(path) == "anna"
    write_dicom(path, PatientID="")
    assert patient_of(path) is None
    write_dicom(path)
    assert patient_of(path) is None
    path.write_bytes(b"no image")
    assert patient_of(path) is None
    path.write_bytes(content_of(dataset_of(STEPS))[:150])
    assert patient_of(path) is None
    with pytest.raises(FileNotFoundError):
        patient_of(tmp_path / "none.dcm")


def test_the_decoders_leave_other_libraries_whole(tmp_path: Path) -> None:
    content = encoded_by_gdcm(content_of(dataset_of(NOISE)), "JPEG2000Lossless", tmp_path)
    (tmp_path / "x.dcm").write_bytes(content)
    # gdcm brings a zlib of its own: what was loaded before it must go on working.
    code = (
        "from nas.data.xray.dicom import picture_here\n"
        f"grey, _ = picture_here(open({str(tmp_path / 'x.dcm')!r}, 'rb').read())\n"
        "from PIL import Image; import zlib\n"
        f"Image.fromarray(grey).save({str(tmp_path / 'x.png')!r})\n"
        f"assert (Image.open({str(tmp_path / 'x.png')!r}).size == grey.shape[::-1])\n"
        "assert zlib.decompress(zlib.compress(bytes(9999))) == bytes(9999)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
