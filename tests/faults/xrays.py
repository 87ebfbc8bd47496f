"""Compressed DICOM files that are damaged at random: none may end the process that reads them.

    python -m tests.faults.xrays --files 4000

Each file is a picture in one of the ways that GDCM compresses, with bytes changed, cut out or put
in, in the compressed data or anywhere.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.random import Generator, default_rng

from nas.data.decode import guarded_pillow
from nas.data.xray.dicom import read_dicom
from nas.data.xray.shades import UnreadableXray
from tests.data.xray_files import content_of, dataset_of, encoded_by_gdcm

SYNTAXES = {
    "JPEGBaselineProcess1": 8,
    "JPEGLosslessProcess14": 12,
    "JPEGLosslessProcess14_1": 16,
    "JPEGLSLossless": 12,
    "JPEGLSNearLossless": 8,
    "JPEG2000Lossless": 12,
    "JPEG2000": 16,
    "RLELossless": 12,
}
"""Bits of a pixel by GDCM's name of what is tried."""
SIZES = ((24, 20), (96, 130))
DIED = "its decoder ended with"


def compressed(syntax: str, height: int, width: int) -> bytes:
    """A file of a picture with a slope and noise on it."""
    bits = SYNTAXES[syntax]
    most = 2**bits - 1
    slope = np.add.outer(np.arange(height), np.arange(width)) * most / (height + width)
    noise = default_rng(0).normal(0, most / 50, (height, width))
    pixels = (slope + noise).clip(0, most).astype(np.uint8 if bits == 8 else np.uint16)
    plain = content_of(dataset_of(pixels, BitsStored=bits, HighBit=bits - 1))
    with tempfile.TemporaryDirectory() as folder:
        return encoded_by_gdcm(plain, syntax, Path(folder))


def damaged(content: bytes, generator: Generator) -> bytes:
    """With one to sixteen bytes changed, or up to 64 cut out or put in."""
    changed = bytearray(content)
    # Behind the element's tag is the compressed picture, whose header comes first.
    picture = content.rindex(b"\xe0\x7f\x10\x00")
    first, last = [(0, len(content)), (picture, len(content)), (picture, picture + 200)][
        generator.integers(3)
    ]
    where = partial(generator.integers, first, min(last, len(content)))
    match generator.integers(4):
        case 0:
            place = where()
            del changed[place : place + generator.integers(1, 65)]
        case 1:
            place = where()
            changed[place:place] = generator.bytes(generator.integers(1, 65))
        case _:
            for place in where(size=generator.integers(1, 17)):
                changed[place] = generator.integers(256)
    return bytes(changed)


def damaged_files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Syntax and content, the syntaxes in turn."""
    generator = default_rng(seed)
    whole = {(each, size): compressed(each, *size) for each in SYNTAXES for size in SIZES}
    kinds = list(whole)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield kind[0], damaged(whole[kind], generator)


def outcome(content: bytes) -> str:
    """What became of a file: `read`, `refused` or how its decoder died."""
    try:
        read_dicom(content)
    except UnreadableXray as error:
        return str(error) if str(error).startswith(DIED) else "refused"
    return "read"


@click.command()
@click.option("--files", default=4000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for those that kill.")
def main(files: int, seed: int, keep: Path | None) -> None:
    """Read them, and print what became of them."""
    found: Counter[tuple[str, str]] = Counter()
    with guarded_pillow():
        for number, (syntax, content) in enumerate(damaged_files(files, seed)):
            became = outcome(content)
            found[syntax, became] += 1
            if keep is not None and became.startswith(DIED):
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{number}-{syntax}.dcm").write_bytes(content)
    for (syntax, became), count in sorted(found.items()):
        click.echo(f"{count:5d} x {syntax}: {became}")
    click.echo(f"{sum(found.values())} files, and this process still runs")


if __name__ == "__main__":
    main()
