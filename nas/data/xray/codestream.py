"""The size that a compressed picture within a DICOM file claims, by its own header.

The decoders believe it before they look at the file's: a few bytes more would take all memory, or
end the program (GDCM's JPEG-LS).
"""

import struct

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""JPEG's markers that say the size (ITU-T T.81, table B.1), and JPEG-LS's (T.87)."""
_ALONE = frozenset((0x01, 0xFF, *range(0xD0, 0xDA)))
"""JPEG's markers without a length."""
_JPEG_2000 = b"\xff\x4f\xff\x51"
"""Start of a codestream and of its sizes (ITU-T T.800, A.5.1)."""
_JP2 = b"\x00\x00\x00\x0cjP  "
"""Start of a file format around one (I.5.1), which some writers leave in place."""


def claimed_size(frame: bytes) -> tuple[int, int] | None:
    """(height, width) of a JPEG, JPEG-LS or JPEG 2000 picture; None where no header says it."""
    try:
        # Run lengths (RLE) may have these bytes anywhere.
        start = frame.find(_JPEG_2000) if frame.startswith((_JPEG_2000, _JP2)) else -1
        if start >= 0:
            width, height, left, top = struct.unpack_from(">4I", frame, start + 8)
            return height - top, width - left
        return _jpeg_size(frame) if frame.startswith(b"\xff\xd8") else None
    except struct.error:
        return None


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 1 < len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _START_OF_FRAME:
            _, height, width = struct.unpack_from(">BHH", frame, place + 4)
            return height, width
        place += 1 if marker == 0xFF else 2
        if marker not in _ALONE:
            (length,) = struct.unpack_from(">H", frame, place)
            place += length
    return None
