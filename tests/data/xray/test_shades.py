"""Padding, LUTs, windows and odd header elements, by tables worked by hand from DICOM PS3.3."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from nas.data.decode import guarded_pillow
from nas.data.xray.dicom import dicom_picture, read_dicom
from nas.data.xray.shades import UnreadableXray
from tests.data.xray_files import content_of, dataset_of

SYNTAXES = pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    with guarded_pillow():
        yield


def shown(values: list[int], syntax: UID = ExplicitVRLittleEndian, **elements) -> list[int]:
    """What one row of stored values becomes, signed ones where one is negative."""
    return picture(dataset(values, syntax, **elements))


def dataset(values: list[int], syntax: UID = ExplicitVRLittleEndian, **elements) -> Dataset:
    return dataset_of(
        np.array([values], np.int16 if min(values) < 0 else np.uint16), syntax, **elements
    )


def picture(made: Dataset) -> list[int]:
    return read_dicom(content_of(made)).tolist()[0]


def lut(syntax: UID, first: int, entries: list[int], bits: int, *, packed: bool = False) -> Dataset:
    """An item of a LUT sequence, its words written by hand."""
    order = "little" if syntax.is_little_endian else "big"
    words = [value.to_bytes(2, order) for value in (len(entries) % 65_536, first % 65_536, bits)]
    data = b"".join(value.to_bytes(2, order) for value in entries)
    if packed:
        padded = [*entries, 0] if len(entries) % 2 else entries
        # The first of two entries is the lower half of a word.
        pairs = [low | high << 8 for low, high in zip(padded[::2], padded[1::2], strict=True)]
        data = b"".join(word.to_bytes(2, order) for word in pairs)
    item = Dataset()
    item.add_new(0x00283002, "OW", b"".join(words))
    item.add_new(0x00283006, "OW", data)
    return item


class TestPadding:
    def test_it_is_no_end_of_the_range(self) -> None:
        found = shown([9, 100, 150, 200], PixelPaddingValue=9)
        assert found == [0, 0, 128, 255]

    def test_it_is_black_in_monochrome1_too(self) -> None:
        found = shown(
            [32_767, 100, 150, 200],
            PixelPaddingValue=32_767,
            PhotometricInterpretation="MONOCHROME1",
        )
        assert found == [0, 255, 128, 0]

    @pytest.mark.parametrize(("value", "limit"), [(0, 9), (9, 0)])
    def test_a_range_has_both_its_ends(self, value: int, limit: int) -> None:
        found = shown(
            [0, 4, 9, 10, 110, 210], PixelPaddingValue=value, PixelPaddingRangeLimit=limit
        )
        assert found == [0, 0, 0, 0, 128, 255]

    @SYNTAXES
    def test_it_is_signed_as_the_pixels_are(self, syntax: UID) -> None:
        values = [-2000, -1000, 0, 1000]
        assert shown(values, syntax, PixelPaddingValue=-2000) == [0, 0, 128, 255]

    def test_a_signed_one_that_is_written_without_a_sign(self) -> None:
        made = dataset([-2000, -1000, 0, 1000])
        made.add_new(0x00280120, "US", 63_536)
        assert picture(made) == [0, 0, 128, 255]

    def test_it_is_a_stored_value_not_a_rescaled_one(self) -> None:
        rescaled = {"RescaleSlope": 2, "RescaleIntercept": -10}
        assert shown([5, 10, 15, 20], PixelPaddingValue=5, **rescaled) == [0, 0, 128, 255]

    def test_it_is_no_end_behind_a_window_or_a_lut(self) -> None:
        window = {"WindowCenter": 150.5, "WindowWidth": 201}  # 50 to 250
        assert shown([0, 100, 150, 200], PixelPaddingValue=0, **window) == [0, 0, 128, 255]
        table = {"VOILUTSequence": [lut(ExplicitVRLittleEndian, 0, [900, 0, 10, 20], 16)]}
        assert shown([0, 1, 2, 3], PixelPaddingValue=0, **table) == [0, 0, 128, 255]

    def test_a_picture_of_padding_alone_is_black(self) -> None:
        assert shown([7, 7], PixelPaddingValue=7) == [0, 0]


class TestLuts:
    @SYNTAXES
    @pytest.mark.parametrize("sequence", ["VOILUTSequence", "ModalityLUTSequence"])
    @pytest.mark.parametrize(("bits", "packed"), [(16, False), (12, False), (8, False), (8, True)])
    def test_every_way_to_store_entries(
        self, syntax: UID, sequence: str, bits: int, packed: bool
    ) -> None:
        table = lut(syntax, 3, [0, 255, 51, 102, 204], bits, packed=packed)
        found = shown([3, 4, 5, 6, 7], syntax, **{sequence: [table]})
        assert found == [0, 255, 51, 102, 204]

    @SYNTAXES
    def test_an_empty_count_is_65536(self, syntax: UID) -> None:
        table = lut(syntax, 0, [value // 257 for value in range(65_536)], 8, packed=True)
        assert shown([0, 257, 40_092, 65_535], syntax, VOILUTSequence=[table]) == [0, 1, 156, 255]

    @SYNTAXES
    def test_the_first_value_is_signed_where_rescaled_values_can_be_negative(
        self, syntax: UID
    ) -> None:
        # Rescaled to -1024, -1023, -1022, -1021: the table begins at the second.
        table = lut(syntax, -1023, [0, 255, 51], 12)
        rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024}
        assert shown([0, 1, 2, 3], syntax, VOILUTSequence=[table], **rescale) == [0, 0, 255, 51]

    @SYNTAXES
    def test_the_first_value_is_signed_where_pixels_are(self, syntax: UID) -> None:
        for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
            table = lut(syntax, -2, [0, 255, 51, 102], 16)
            assert shown([-2, -1, 0, 1], syntax, **{sequence: [table]}) == [0, 255, 51, 102]

    @SYNTAXES
    def test_the_first_value_is_unsigned_elsewhere(self, syntax: UID) -> None:
        table = lut(syntax, 40_000, [0, 255, 51], 16)
        assert shown([40_000, 40_001, 40_002], syntax, VOILUTSequence=[table]) == [0, 255, 51]

    def test_a_voi_lut_behind_a_modality_lut_is_unsigned(self) -> None:
        modality = lut(ExplicitVRLittleEndian, -1, [40_000, 40_001], 16)
        voi = lut(ExplicitVRLittleEndian, 40_000, [255, 0], 16)
        sequences = {"ModalityLUTSequence": [modality], "VOILUTSequence": [voi]}
        assert shown([-1, 0], **sequences) == [255, 0]

    def test_an_item_without_a_table_is_passed_over(self) -> None:
        table = lut(ExplicitVRLittleEndian, 0, [255, 0], 16)
        assert shown([0, 1], VOILUTSequence=[Dataset(), table]) == [255, 0]
        only_empty = {"VOILUTSequence": [Dataset()], "WindowCenter": 1.5, "WindowWidth": 2}
        assert shown([0, 1, 2, 9], **only_empty) == [0, 128, 255, 255]

    def test_one_that_is_cut_off_is_refused(self) -> None:
        table = lut(ExplicitVRLittleEndian, 0, [1, 2, 3, 4], 16)
        table.add_new(0x00283006, "OW", bytes(2))
        with pytest.raises(UnreadableXray, match="a LUT of 4 entries that holds 1"):
            shown([0, 1], VOILUTSequence=[table])


class TestWindows:
    # PS3.3, C.11.2.1.2.1: black up to c - 0.5 - (w - 1) / 2, white above c - 0.5 + (w - 1) / 2.
    def test_linear(self) -> None:
        found = shown([0, 100, 101, 150, 200, 300], WindowCenter=150.5, WindowWidth=101)
        assert found == [0, 0, 3, 128, 255, 255]

    # C.11.2.1.3.2: black up to c - w / 2, white above c + w / 2.
    def test_linear_exact(self) -> None:
        window = {"WindowCenter": 150, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"}
        assert shown([0, 100, 101, 150, 200, 300], **window) == [0, 0, 3, 128, 255, 255]

    # C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w)), here at -1, 0 and 1.
    def test_sigmoid(self) -> None:
        window = {"WindowCenter": 100, "WindowWidth": 40, "VOILUTFunction": "SIGMOID"}
        low, at_75 = (1 / (1 + math.exp(z)) for z in (4, 2))
        level = round(255 * (at_75 - low) / (1 - 2 * low))
        assert shown([60, 80, 100, 140], **window) == [0, level, 128, 255]

    def test_a_sigmoid_far_away_does_not_overflow(self) -> None:
        window = {"WindowCenter": 30_000, "WindowWidth": 1, "VOILUTFunction": "SIGMOID"}
        assert shown([0, 60_000], **window) == [0, 255]

    def test_a_width_of_one_is_a_step(self) -> None:
        assert shown([0, 9, 10, 11], WindowCenter=10, WindowWidth=1) == [0, 0, 255, 255]

    @pytest.mark.parametrize("name", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
    @pytest.mark.parametrize("width", [0, -5])
    def test_without_a_width_the_full_range_is_shown(self, name: str, width: int) -> None:
        window = {"WindowCenter": 1, "WindowWidth": width, "VOILUTFunction": name}
        grey, note = dicom_picture(content_of(dataset([0, 100, 200], **window)))
        assert grey.tolist() == [[0, 128, 255]]
        assert note == f"Window Center 1 and Width {width}: shown at its full range"

    def test_a_slope_of_zero_is_one(self) -> None:
        grey, note = dicom_picture(content_of(dataset([0, 100, 200], RescaleSlope=0)))
        assert grey.tolist() == [[0, 128, 255]]
        assert note == "Rescale Slope 0: taken for 1"

    def test_a_window_at_no_number_is_passed_over(self) -> None:
        content = content_of(dataset([0, 100, 200], WindowCenter="1.25", WindowWidth=9))
        grey, note = dicom_picture(content.replace(b"1.25", b"nan "))
        assert grey.tolist() == [[0, 128, 255]]
        assert note.endswith("shown at its full range")

    def test_the_first_window_with_a_width_counts(self) -> None:
        window = {"WindowCenter": [1, 150.5, 7], "WindowWidth": [0, 101, 9]}
        assert shown([0, 100, 101, 150, 300], **window) == [0, 0, 3, 128, 255]

    def test_an_unknown_function_is_linear(self) -> None:
        window = {"WindowCenter": 150.5, "WindowWidth": 101, "VOILUTFunction": "FANCY"}
        grey, note = dicom_picture(content_of(dataset([0, 100, 101, 150, 300], **window)))
        assert grey.tolist() == [[0, 0, 3, 128, 255]]
        assert "FANCY" in note


class TestOddElements:
    @SYNTAXES
    @pytest.mark.parametrize(
        "name",
        [
            "RescaleSlope",
            "RescaleIntercept",
            "VOILUTFunction",
            "WindowCenter",
            "WindowWidth",
            "PixelPaddingValue",
            "NumberOfFrames",
            "HighBit",
            "VOILUTSequence",
            "ModalityLUTSequence",
        ],
    )
    def test_an_empty_one_is_as_good_as_absent(self, syntax: UID, name: str) -> None:
        assert shown([0, 100, 200, 400], syntax, **{name: None}) == [0, 64, 128, 255]

    def test_an_empty_slope_beside_an_intercept_is_one(self) -> None:
        window = {"WindowCenter": -49.5, "WindowWidth": 101}  # -100 to 0
        empty = {"RescaleSlope": None, "RescaleIntercept": -100}
        assert shown([0, 50, 100, 900], **window, **empty) == [0, 128, 255, 255]

    @SYNTAXES
    def test_a_comma_is_a_point(self, syntax: UID) -> None:
        window = {"WindowCenter": "150.5", "WindowWidth": "100.75"}
        rescale = {"RescaleSlope": "1.25", "RescaleIntercept": "12.5"}
        plain = content_of(dataset([0, 70, 90, 110, 300], syntax, **window, **rescale))
        commas = plain
        for number in (*window.values(), *rescale.values()):
            assert number.encode() in plain
            commas = commas.replace(number.encode(), number.replace(".", ",").encode())
        np.testing.assert_array_equal(read_dicom(commas), read_dicom(plain))
        assert read_dicom(plain).tolist() == [[0, 0, 64, 128, 255]]

    def test_what_is_no_number_is_named(self) -> None:
        content = content_of(dataset([0, 1], RescaleSlope="1.25")).replace(b"1.25", b"one ")
        with pytest.raises(UnreadableXray, match=r"^RescaleSlope 'one' is no number$"):
            read_dicom(content)
