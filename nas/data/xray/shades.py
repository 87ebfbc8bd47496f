"""How bright each stored value of a DICOM picture is: modality LUT or rescaling, VOI LUT or window.

Standard: DICOM PS3.3, C.11.1 (modality LUT), C.11.2 (VOI LUT and window), C.7.5.1.1.2 (padding).
Elements are read as they are stored: pydicom takes the sign of a LUT's first value from the pixels,
refuses 8-bit LUTs that are packed, and numbers that are written with a comma.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.decode import UnreadableImage

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[np.int64]
Shades = NDArray[np.float64]

_MOST_ENTRIES = 65_536
"""Of a LUT: its descriptor has 0 for them."""
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


class UnreadableXray(UnreadableImage):
    """The file can't be decoded; the message says why, in a line."""


@dataclass(frozen=True)
class Toned:
    """What becomes of stored values."""

    shades: Shades
    """How bright each is, on no scale."""
    padding: NDArray[np.bool_]
    """Which of them fill up the picture, and show nothing."""
    note: str = ""
    """What of the file was passed over."""


def tone(values: Values, dataset: "Dataset") -> Toned:
    """The shades of stored values of a MONOCHROME1 or MONOCHROME2 picture. Raises UnreadableXray.

    Rescaled or through the modality LUT, then through the first usable VOI LUT, else window; turned
    round for MONOCHROME1. A window without a width is passed over, with a note.
    """
    kind = str(dataset.PhotometricInterpretation)
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnreadableXray(f"{kind} pixels; allowed: MONOCHROME1, MONOCHROME2, RGB, YBR")
    shades, negative, flat = _modality(values, dataset)
    note = ""
    if (table := _first_lut(dataset, "VOILUTSequence", negative)) is not None:
        shades = table.of(shades)
    else:
        shades, note = _windowed(shades, dataset)
    if not np.isfinite(shades).all():
        raise UnreadableXray("a rescaling or a window that gives values that are no numbers")
    note = "; ".join(part for part in (flat, note) if part)
    return Toned(-shades if kind == "MONOCHROME1" else shades, _padding(values, dataset), note)


def _modality(values: Values, dataset: "Dataset") -> tuple[Shades, bool, str]:
    """Values of the modality, whether such can be negative (LUTs after it are then signed), and
    what is to be said."""
    signed = bool(dataset.get("PixelRepresentation"))
    if (table := _first_lut(dataset, "ModalityLUTSequence", signed)) is not None:
        return table.of(values.astype(np.float64)), False, ""
    slope = (_numbers(dataset, "RescaleSlope") or [1.0])[0]
    intercept = (_numbers(dataset, "RescaleIntercept") or [0.0])[0]
    note = ""
    if slope == 0:
        slope, note = 1.0, "Rescale Slope 0: taken for 1"
    bits = int(dataset.BitsStored)
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    with np.errstate(over="ignore", invalid="ignore"):
        shades = values.astype(np.float64) * slope + intercept
    return shades, min(end * slope + intercept for end in ends) < 0, note


@dataclass(frozen=True)
class _Lut:
    """A table of shades, the first of which stands for the value `first`."""

    first: int
    entries: Shades

    def of(self, shades: Shades) -> Shades:
        """What stands for each; values beyond the table have its ends."""
        places = (np.rint(shades) - self.first).clip(0, len(self.entries) - 1)
        return self.entries[places.astype(np.int64)]


def _first_lut(dataset: "Dataset", sequence: str, signed: bool) -> _Lut | None:
    """The first item that holds a table; None where there is none. Raises UnreadableXray."""
    for item in dataset.get(sequence) or ():
        descriptor, data = _stored(item, "LUTDescriptor"), _stored(item, "LUTData")
        if descriptor is None or data is None:
            continue
        if len(descriptor.content) != 6:
            words = len(descriptor.content) // 2
            raise UnreadableXray(f"a LUT Descriptor of {words} values, not 3")
        count, first, _ = (int(word) for word in descriptor.words())
        count = count or _MOST_ENTRIES
        if first >= 0x8000 and (signed or descriptor.vr == "SS"):
            first -= 0x10000
        return _Lut(first, _entries(data, count))
    return None


def _entries(data: "_Stored", count: int) -> Shades:
    """PS3.3, C.11.1.1.1: whether entries have 8 or 16 bits is told by how long the table is; the
    first of two in a word is the lower half."""
    if len(data.content) >= 2 * count:
        return data.words()[:count].astype(np.float64)
    if len(data.content) < count:
        have = len(data.content) // 2
        raise UnreadableXray(f"a LUT of {count} entries that holds {have}: it is cut off")
    return data.halves()[:count].astype(np.float64)


def _windowed(shades: Shades, dataset: "Dataset") -> tuple[Shades, str]:
    """Through the first window that has a width, and what is to be said of it."""
    pairs = list(
        zip(_numbers(dataset, "WindowCenter"), _numbers(dataset, "WindowWidth"), strict=False)
    )
    if not pairs:
        return shades, ""
    name = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    note = ""
    if name not in _FUNCTIONS:
        note, name = f"VOI LUT Function {name!r} is none of {', '.join(_FUNCTIONS)}", "LINEAR"
    least = 1.0 if name == "LINEAR" else np.nextafter(0.0, 1.0)
    usable = [pair for pair in pairs if math.isfinite(pair[0]) and least <= pair[1] < math.inf]
    if not usable:
        centre, width = pairs[0]
        return shades, f"Window Center {centre:g} and Width {width:g}: shown at its full range"
    return _through_window(shades, *usable[0], name), note


def _through_window(shades: Shades, centre: float, width: float, name: str) -> Shades:
    """0 to 1 (PS3.3, C.11.2.1.2.1 and C.11.2.1.3)."""
    if name == "SIGMOID":
        # 1 / (1 + exp(-4 z)), which does not overflow so.
        return np.asarray((1 + np.tanh(2 * (shades - centre) / width)) / 2)
    if name == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (shades > centre).astype(np.float64)
    return np.asarray(((shades - centre) / width + 0.5).clip(0, 1))


def _padding(values: Values, dataset: "Dataset") -> NDArray[np.bool_]:
    """Which stored values are padding: one, or a range with both ends."""
    ends = []
    for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        if (found := _stored(dataset, name)) is not None and len(found.content) >= 2:
            word = int(found.words()[0])
            signed = bool(dataset.get("PixelRepresentation"))
            ends.append(word - 0x10000 if signed and word >= 0x8000 else word)
    if not ends or _stored(dataset, "PixelPaddingValue") is None:
        return np.zeros(len(values), dtype=np.bool_)
    return np.asarray((values >= min(ends)) & (values <= max(ends)))


@dataclass(frozen=True)
class _Stored:
    """An element's value as it lies in the file."""

    content: bytes
    vr: str | None
    little_endian: bool

    def words(self) -> NDArray[np.uint16]:
        whole = self.content[: len(self.content) // 2 * 2]
        return np.frombuffer(whole, "<u2" if self.little_endian else ">u2")

    def halves(self) -> NDArray[np.uint8]:
        """The bytes, the lower one of each word first; as they lie where they are bytes."""
        if self.vr == "OB" or self.little_endian:
            return np.frombuffer(self.content, np.uint8)
        return self.words().astype("<u2").view(np.uint8)


def _stored(dataset: "Dataset", name: str) -> _Stored | None:
    """The element's bytes; None where it is absent or empty."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement

    tag = tag_for_keyword(name)
    element = dataset.get_item(tag) if tag is not None and tag in dataset else None
    if not isinstance(element, RawDataElement) or not element.value:
        return None
    return _Stored(element.value, element.VR, element.is_little_endian)


def _numbers(dataset: "Dataset", name: str) -> list[float]:
    """The numbers of a decimal string, none where it is absent or empty; a comma is a point.

    Raises UnreadableXray for what is no number.
    """
    stored = _stored(dataset, name)
    if stored is None:
        return []
    if stored.vr not in (None, "DS", "UN"):
        return [float(value) for value in np.atleast_1d(dataset.get(name))]
    texts: Sequence[str] = stored.content.decode("latin-1").replace("\0", " ").split("\\")
    try:
        return [float(text.replace(",", ".")) for text in texts if text.strip()]
    except ValueError as error:
        raise UnreadableXray(f"{name} {' '.join(texts).strip()[:40]!r} is no number") from error
