"""`meta.csv`: the patient of each image, and the fold that a published division puts it in."""

from dataclasses import dataclass
from pathlib import Path

from nas.data.folds import FOLDS
from nas.data.table import read_rows


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
