"""Synthetic pictures of shapes with their boxes; the built-in set of the detection task."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from nas.data.boxes import Box
from nas.data.cache import made_folder
from nas.data.splits import SPLITS, Split
from nas.data.table import write_table

SHAPES_SOURCE = "generated shapes: circles, squares and triangles"
SHAPES = ("circle", "square", "triangle")
_SIDE = 128
_DRAWN = 4
"""Pictures are drawn so many times as large, and made smaller."""
_TRIES = 20
_MOST = 4
_GAP = 2
_Row = tuple[str, str, object, object, object, object, Split]


@dataclass(frozen=True)
class GeneratedShapes:
    """Settings of a generated set."""

    pictures: tuple[int, int, int] = (400, 100, 100)
    """Of train, validation and test."""
    seed: int = 0


def shapes_folder(
    cache_dir: Path | None, settings: GeneratedShapes | None = None
) -> AbstractContextManager[Path]:
    """A folder of 128 x 128 PNG files with boxes.csv, made once; the same everywhere.

    A picture has none to four shapes of one colour each, 14 to 56 pixels wide, on noise of another
    colour; no two boxes overlap.
    """
    chosen = settings or GeneratedShapes()
    return made_folder(
        cache_dir, "shapes", (1, chosen), lambda folder: write_shapes(folder, chosen)
    )


def write_shapes(folder: Path, settings: GeneratedShapes) -> None:
    """Write the pictures and boxes.csv."""
    rows: list[_Row] = []
    for number, (split, count) in enumerate(zip(SPLITS, settings.pictures, strict=True)):
        generator = np.random.default_rng([settings.seed, number])
        (folder / split).mkdir()
        for n in range(count):
            name = f"{split}/{n:04d}.png"
            picture, found = _drawn(generator)
            picture.save(folder / name)
            rows += list(_rows(name, split, found))
    write_table(folder / "boxes.csv", ("path", "class", "x1", "y1", "x2", "y2", "split"), rows)


def _rows(name: str, split: Split, found: list[tuple[str, Box]]) -> Iterator[_Row]:
    for shape, (x1, y1, x2, y2) in found:
        yield name, shape, f"{x1:g}", f"{y1:g}", f"{x2:g}", f"{y2:g}", split
    if not found:
        yield name, "", "", "", "", "", split


def _drawn(generator: np.random.Generator) -> tuple[Image.Image, list[tuple[str, Box]]]:
    ground_3 = generator.integers(30, 226, 3)
    picture = Image.new("RGB", (_SIDE * _DRAWN, _SIDE * _DRAWN), tuple(ground_3.tolist()))
    draw = ImageDraw.Draw(picture)
    found: list[tuple[str, Box]] = []
    for _ in range(generator.integers(_MOST + 1)):
        box = _free_place(generator, [item for _, item in found])
        if box is None:
            continue
        shape = SHAPES[generator.integers(len(SHAPES))]
        colour = _other_colour(generator, ground_3)
        _draw_shape(draw, shape, box, colour)
        found.append((shape, box))
    small = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64)
    noisy = small + generator.normal(0, 12, small.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), found


def _free_place(generator: np.random.Generator, taken: list[Box]) -> Box | None:
    for _ in range(_TRIES):
        side = int(generator.integers(14, 57))
        x1, y1 = (float(value) for value in generator.integers(0, _SIDE - side + 1, 2))
        x2, y2 = x1 + side, y1 + side
        if all(
            x2 + _GAP <= a or c + _GAP <= x1 or y2 + _GAP <= b or d + _GAP <= y1
            for a, b, c, d in taken
        ):
            return x1, y1, x2, y2
    return None


def _other_colour(
    generator: np.random.Generator, ground_3: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
) -> tuple[int, int, int]:
    """A colour whose channels differ from the ground's by 120 in sum at least."""
    while True:
        red, green, blue = (int(value) for value in generator.integers(0, 256, 3))
        if np.abs(np.array((red, green, blue)) - ground_3).sum() >= 120:
            return red, green, blue


def _draw_shape(
    draw: ImageDraw.ImageDraw, shape: str, box: Box, colour: tuple[int, int, int]
) -> None:
    x1, y1, x2, y2 = (edge * _DRAWN for edge in box)
    x2, y2 = x2 - 1, y2 - 1  # Pillow's last pixel belongs to the shape
    if shape == "circle":
        draw.ellipse((x1, y1, x2, y2), fill=colour)
    elif shape == "square":
        draw.rectangle((x1, y1, x2, y2), fill=colour)
    else:
        draw.polygon(((x1, y2), (x2, y2), ((x1 + x2) / 2, y1)), fill=colour)
