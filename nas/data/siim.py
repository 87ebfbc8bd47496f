"""Tables of the SIIM-FISABIO-RSNA COVID-19 data: the class of each study, the boxes of each image.

Format: kaggle.com/c/siim-covid19-detection, `train_study_level.csv` and `train_image_level.csv`.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from nas.data.box_cells import read_boxes, read_label, same_boxes
from nas.data.boxes import Box
from nas.data.table import read_rows

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
