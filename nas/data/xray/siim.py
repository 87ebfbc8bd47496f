"""Tables of the SIIM-FISABIO-RSNA COVID-19 data: classes of studies, boxes of images, patients.

Format: kaggle.com/c/siim-covid19-detection, `train_study_level.csv` and `train_image_level.csv`;
`meta.csv` has the patient of each image, and the fold that a published division puts it in.
"""

import ast
import math
import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.data.boxes import Box
from nas.data.table import read_rows
from nas.data.xray.folds import FOLDS

MOST_CHARACTERS = 20_000
"""Length of the longest cell that is read: some two hundred boxes."""
_NEAR = 1.0
"""Pixels by which an edge may differ between the two cells of a row."""


def read_boxes(cell: str) -> tuple[Box, ...]:
    """The boxes of `[{'x': 1.0, 'y': 2.0, 'width': 3.0, 'height': 4.0}, ...]`; none if empty.

    Raises ValueError, in words for the user, for any other text and for a box without an area.
    """
    if not cell:
        return ()
    if len(cell) > MOST_CHARACTERS:
        raise ValueError(f"boxes of {len(cell)} characters, more than {MOST_CHARACTERS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's parser, about escapes and numbers
            items = ast.literal_eval(cell)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise ValueError(f"boxes {_shown(cell)} is no list of mappings")
    return tuple(_measured_box(item) for item in items)


def read_label(cell: str) -> tuple[Box, ...]:
    """The boxes of `opacity 1 x1 y1 x2 y2 opacity 1 ...`; none for `none 1 0 0 1 1`.

    Raises ValueError, in words for the user, for any other text and for a box without an area.
    """
    words = cell.split()
    groups = [(words[start], words[start + 1 : start + 6]) for start in range(0, len(words), 6)]
    numbers = [[_number(word) for word in rest] for _, rest in groups]
    names = [name for name, _ in groups]
    if names == ["none"] and numbers[0][1:] == [0, 0, 1, 1]:
        return ()
    if not names or set(names) != {"opacity"} or any(len(row) != 5 for row in numbers):
        raise ValueError(
            f"label {_shown(cell)} is neither 'none 1 0 0 1 1' nor 'opacity 1 x1 y1 x2 y2 ...'"
        )
    return tuple(_checked_box(row[1:], _shown(cell)) for row in numbers)


def same_boxes(boxes: Sequence[Box], others: Sequence[Box]) -> bool:
    """Whether each box has another one of its own whose edges lie within a pixel, in any order."""
    left = list(others)
    for box in boxes:
        match = next((other for other in left if _near(box, other)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _measured_box(item: object) -> Box:
    """The box of a mapping with x, y, width and height."""
    given = item if isinstance(item, dict) else {}
    x, y, width, height = (_number(given.get(key)) for key in ("x", "y", "width", "height"))
    if x is None or y is None or width is None or height is None:
        raise ValueError(f"box {_shown(repr(item))} has not the numbers x, y, width and height")
    return _checked_box((x, y, x + width, y + height), _shown(repr(item)))


def _checked_box(corners: Sequence[float | None], shown: str) -> Box:
    """The box of four edges. Raises ValueError unless they are numbers that span an area."""
    x1, y1, x2, y2 = corners
    if x1 is None or y1 is None or x2 is None or y2 is None:
        raise ValueError(f"box {shown} has an edge that is not a number")
    if not (x1 < x2 < math.inf and y1 < y2 < math.inf):
        raise ValueError(f"box {shown} is not x1 < x2 and y1 < y2")
    return x1, y1, x2, y2


def _near(box: Box, other: Box) -> bool:
    return all(abs(edge - place) <= _NEAR for edge, place in zip(box, other, strict=True))


def _number(value: object) -> float | None:
    """A finite number as it is or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


STUDY_CLASSES = ("negative", "typical", "indeterminate", "atypical")
"""What a study may look like, in the order of their numbers."""
OPACITY_CLASSES = ("none", "opacity")
"""Whether an image has a box, in the order of their numbers."""

STUDY_COLUMNS = {
    "negative": "negative for pneumonia",
    "typical": "typical appearance",
    "indeterminate": "indeterminate appearance",
    "atypical": "atypical appearance",
}
"""Column of each of `STUDY_CLASSES`, in their order."""
_COLUMNS = tuple(STUDY_COLUMNS.values())


@dataclass(frozen=True)
class StudyRow:
    """One study."""

    study_id: str
    study_class: str
    """One of `STUDY_CLASSES`."""
    place: str
    """`TABLE:LINE`."""


@dataclass(frozen=True)
class ImageRow:
    """One image of a study."""

    image_id: str
    study_id: str
    boxes: tuple[Box, ...]
    """Around its opacities, in the file's own pixels."""
    place: str


@dataclass(frozen=True)
class StudyTable:
    """The usable rows by study, and `TABLE:LINE: REASON` of each that is not."""

    rows: dict[str, StudyRow]
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class ImageTable:
    """The usable rows by image, and `TABLE:LINE: REASON` of each that is not."""

    rows: dict[str, ImageRow]
    wrong: tuple[str, ...]


def read_study_table(table: Path) -> StudyTable:
    """Class of each study; wrong rows are named and left out.

    Raises NasError only for a file that is no such table.
    """
    rows: dict[str, StudyRow] = {}
    wrong: list[str] = []
    for line, cells in read_rows(table, required=("id", *_COLUMNS), optional=()):
        place = f"{table.name}:{line}"
        try:
            study_id = _new_id(cells["id"], "_study", rows)
            rows[study_id] = StudyRow(study_id, _study_class(cells), place)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    return StudyTable(rows, tuple(wrong))


def read_image_table(table: Path, studies: Container[str]) -> ImageTable:
    """Study and boxes of each image; wrong rows, and those of no study, are named and left out.

    Raises NasError only for a file that is no such table.
    """
    rows: dict[str, ImageRow] = {}
    wrong: list[str] = []
    required = ("id", "boxes", "label", "studyinstanceuid")
    for line, cells in read_rows(table, required, optional=()):
        place = f"{table.name}:{line}"
        try:
            image_id = _new_id(cells["id"], "_image", rows)
            study_id = cells["studyinstanceuid"].removesuffix("_study")
            if study_id not in studies:
                raise ValueError(f"no usable row of study {study_id!r} in the table of studies")
            rows[image_id] = ImageRow(image_id, study_id, _agreed_boxes(cells), place)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    return ImageTable(rows, tuple(wrong))


def _new_id(cell: str, ending: str, known: Container[str]) -> str:
    """The id without its ending, which may be missing. Raises ValueError for a known one."""
    name = cell.removesuffix(ending)
    if not name:
        raise ValueError("no id in this row")
    if name in known:
        raise ValueError(f"{name!r} has a row already")
    return name


def _study_class(cells: Mapping[str, str]) -> str:
    """Raises ValueError unless one of the four columns is 1 and the others are 0."""
    values = [cells[column].removesuffix(".0") for column in _COLUMNS]
    if sorted(values) != ["0", "0", "0", "1"]:
        raise ValueError(f"the four classes are {', '.join(map(repr, values))}, not one 1 and 0s")
    return STUDY_CLASSES[values.index("1")]


def _agreed_boxes(cells: Mapping[str, str]) -> tuple[Box, ...]:
    """Raises ValueError where the two cells that tell the boxes tell different ones."""
    boxes, labelled = read_boxes(cells["boxes"]), read_label(cells["label"])
    if not same_boxes(boxes, labelled):
        raise ValueError(f"{len(boxes)} boxes, and a label of {len(labelled)}, that are not alike")
    return boxes


@dataclass(frozen=True)
class MetaRow:
    """What is known of one image beside its labels."""

    patient: str | None
    fold: int | None
    """0 to 4."""
    place: str
    """`TABLE:LINE`."""


@dataclass(frozen=True)
class MetaTable:
    """The usable rows by image, and `TABLE:LINE: REASON` of each that is not."""

    rows: dict[str, MetaRow]
    wrong: tuple[str, ...]


def read_meta(table: Path) -> MetaTable:
    """Rows of the columns image_id and, where they are, patient and fold.

    Raises NasError only for a file that is no such table.
    """
    rows: dict[str, MetaRow] = {}
    wrong: list[str] = []
    for line, cells in read_rows(table, required=("image_id",), optional=("patient", "fold")):
        place = f"{table.name}:{line}"
        image_id = cells["image_id"].removesuffix("_image")
        if not image_id or image_id in rows:
            wrong.append(
                f"{place}: " + (f"{image_id!r} has a row already" if image_id else "no id")
            )
            continue
        try:
            rows[image_id] = MetaRow(cells["patient"] or None, _fold(cells["fold"]), place)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    return MetaTable(rows, tuple(wrong))


def _fold(cell: str) -> int | None:
    """Raises ValueError, in words for the user, for what is no fold."""
    if not cell:
        return None
    # As pandas writes whole numbers in a column with a gap.
    word = cell.removesuffix(".0")
    if word not in map(str, range(FOLDS)):
        raise ValueError(f"fold {cell!r} is not a whole number from 0 to {FOLDS - 1}")
    return int(word)
