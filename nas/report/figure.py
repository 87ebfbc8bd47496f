"""Shared by all pictures: a figure without global state, colours, fonts that have the glyphs."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

log = logging.getLogger(__name__)

DOTS_PER_INCH = 160

# Okabe and Ito (2008), the purple Tol (2021): distinguishable with any common colour blindness.
BLUE = "#0072B2"
SKY = "#56B4E9"
VERMILION = "#D55E00"
PURPLE = "#AA4499"
INK = "#222222"
GREY = "#6B6B6B"

# Tried in this order for letters that matplotlib's own font lacks.
_WIDE_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)


@contextmanager
def only_drawn(path: Path) -> Iterator[None]:
    """What shows results at `path`, and is none itself: that it fails is a warning."""
    try:
        yield
    except Exception as error:
        log.warning("%s: could not be drawn: %s", path, error or type(error).__name__)


def new_figure(width_in: float, height_in: float) -> "Figure":
    """An empty figure that draws to memory, never to a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: "Figure") -> bytes:
    """The figure as a PNG on white."""
    stream = BytesIO()
    # Tight, for the layout engine alone cuts labels off beside a square picture.
    figure.savefig(stream, format="png", facecolor="white", bbox_inches="tight", pad_inches=0.1)
    return stream.getvalue()


def text_font() -> "FontProperties":
    """The font for text that a user wrote."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(_installed_families()))


def drawable_labels(
    names: Sequence[str], max_length: int, stand_in: Callable[[int], str]
) -> list[str]:
    """The names, shortened in the middle beyond `max_length` letters.

    `stand_in(index)` replaces a name whose letters no installed font has.
    """
    known = _known_letters()
    return [
        _shortened(name, max_length)
        if all(ord(letter) in known for letter in name)
        else stand_in(i)
        for i, name in enumerate(" ".join(name.split()) for name in names)
    ]


def _shortened(name: str, max_length: int) -> str:
    if len(name) <= max_length:
        return name
    head = max_length // 2
    return f"{name[:head]}…{name[len(name) - (max_length - head - 1) :]}"


@cache
def _installed_families() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ("DejaVu Sans", *(name for name in _WIDE_FONTS if name in installed))


@cache
def _known_letters() -> frozenset[int]:
    """Code points that some font of `text_font` draws."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(
        code for name in _installed_families() for code in get_font(findfont(name)).get_charmap()
    )
