"""Whether a WAV, AIFF, AU or Ogg file ends before it should: libsndfile reads such as if whole."""

import struct
from pathlib import Path
from typing import BinaryIO

_STREAMED = 0x7FFF_0000
"""Sizes from here on are what programs write that can't go back to fill them in: such a file, as
one above 2 GiB, is read to its end, wherever that is."""
_LAST_PAGE = 4
_PAGE_HEADER = 27
_MOST_PAGE_BYTES = _PAGE_HEADER + 255 + 255 * 255


def cut_short(path: Path) -> str:
    """What is missing of the file, in words; empty where nothing is, or where nobody can tell.

    By the size of the samples that the header says (RIFF, AIFF: EA IFF 85), and by the mark of the
    last page (Ogg: RFC 3533, 6). Raises OSError.
    """
    size = path.stat().st_size
    with open(path, "rb") as stream:
        kind = stream.read(4)
        if kind in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
            return _chunks_cut(stream, kind, size)
        if kind == b".snd":
            start, length = struct.unpack(">II", stream.read(8).ljust(8, b"\0"))
            return "" if length >= _STREAMED else _missing(start, length, size)
        return _pages_cut(stream, size) if kind == b"OggS" else ""


def _chunks_cut(stream: BinaryIO, kind: bytes, size: int) -> str:
    order = ">" if kind in (b"RIFX", b"FORM") else "<"
    long_length = None
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        name, length = head[:4], struct.unpack(f"{order}I", head[4:])[0]
        if name == b"ds64":
            sizes = stream.read(16)
            long_length = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else None
            stream.seek(-len(sizes), 1)
        if name in (b"data", b"SSND"):
            if kind == b"RF64" and long_length is not None:
                length = long_length
            if length == 0 and size > stream.tell():
                return f"the header says no samples, but {size - stream.tell()} bytes follow it"
            streamed = kind != b"RF64" and length >= _STREAMED
            return "" if streamed else _missing(stream.tell(), length, size)
        # Chunks begin at even bytes.
        stream.seek(length + length % 2, 1)
    return ""


def _missing(start: int, length: int, size: int) -> str:
    have = max(0, size - start)
    return f"cut short: {have} of {length} bytes of samples are there" if have < length else ""


def _pages_cut(stream: BinaryIO, size: int) -> str:
    start = max(0, size - 2 * _MOST_PAGE_BYTES)
    stream.seek(start)
    end = stream.read()
    place = end.rfind(b"OggS\0")
    header = end[place : place + _PAGE_HEADER] if place >= 0 else b""
    if len(header) < _PAGE_HEADER:
        return "cut short: it ends within a page"
    table = end[place + _PAGE_HEADER :][: header[26]]
    if len(table) < header[26] or place + _PAGE_HEADER + len(table) + sum(table) > len(end):
        return "cut short: it ends within a page"
    return "" if header[5] & _LAST_PAGE else "cut short: its last page is missing"
