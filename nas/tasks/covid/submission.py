"""Submission files of Kaggle's SIIM-FISABIO-RSNA COVID-19 detection, written and read.

Its header is `Id,PredictionString`. A row is `ID_study` or `ID_image`, a comma, and groups of six:
class, confidence, x1, y1, x2, y2, in pixels of the original image; 0 0 1 1 for all but `opacity`.
"""

import csv
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from nas.errors import NasError, did_you_mean
from nas.files import atomic_write_text
from nas.metrics.competition import (
    IMAGE_CLASSES,
    STUDY_CLASSES,
    UNIT_BOX,
    Box,
    CompetitionMetrics,
    Finding,
)
from nas.text_table import aligned, metric_text

HEADER = "Id,PredictionString"

Level = Literal["study", "image"]
_CLASSES: Mapping[str, tuple[str, ...]] = {"study": STUDY_CLASSES, "image": IMAGE_CLASSES}
_GROUP = "class confidence x1 y1 x2 y2"
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|nan|[-+]?inf", re.ASCII)


@dataclass(frozen=True)
class Submission:
    """Findings of each study and each image, by id without `_study` or `_image`."""

    studies: Mapping[str, tuple[Finding, ...]]
    images: Mapping[str, tuple[Finding, ...]]

    def rows(self) -> Iterator[tuple[Level, str, tuple[Finding, ...]]]:
        """Level, id and findings of each row of the file, studies first."""
        yield from (("study", key, findings) for key, findings in self.studies.items())
        yield from (("image", key, findings) for key, findings in self.images.items())


def write_submission(path: Path, submission: Submission) -> None:
    """Replace `path` by the submission, whole or not at all.

    Confidences have six significant digits, which keeps their order down to the smallest; pixels
    have two decimals, or all where a box would vanish by it. Raises ValueError for what
    `read_submission` would refuse, OSError.
    """
    lines = [HEADER]
    for level, key, findings in submission.rows():
        if key.split() != [key] or "," in key:
            raise ValueError(f"{level} {key!r} is no id of one word")
        for finding in findings:
            if problem := _problem(level, finding):
                raise ValueError(f"{key}_{level}: {problem}")
        lines.append(f"{key}_{level}," + " ".join(map(_group, findings)))
    atomic_write_text(path, "\n".join(lines) + "\n")


def read_submission(
    path: Path,
    studies: Collection[str] | None = None,
    images: Collection[str] | None = None,
) -> Submission:
    """The submission in a file; a row without predictions is an id without findings.

    `studies` and `images` are the ids that must be there, all and no others; None leaves it open.
    Raises NasError, with line and Id, for whatever is not as this module says.
    """
    found: dict[Level, dict[str, tuple[Finding, ...]]] = {"study": {}, "image": {}}
    expected: dict[Level, frozenset[str] | None] = {
        "study": None if studies is None else frozenset(studies),
        "image": None if images is None else frozenset(images),
    }
    for line, row_id, text in _rows(path):
        try:
            level, key = _level_and_key(row_id)
            if key in found[level]:
                raise ValueError("this Id is there twice; keep one row")
            known = expected[level]
            if known is not None and key not in known:
                raise ValueError(f"no {level} {key!r}{did_you_mean(key, known)}")
            found[level][key] = tuple(_findings(level, text))
        except ValueError as error:
            raise NasError(str(error), file=path, line=line, key=row_id) from error
    for level in get_args(Level):
        _check_none_missing(path, level, found[level], expected[level])
    return Submission(found["study"], found["image"])


def _group(finding: Finding) -> str:
    pixels: Box = finding.box
    short = [f"{round(value, 2):.12g}" for value in pixels]
    if _box_problem(tuple(map(float, short))):
        short = [repr(float(value)) for value in pixels]
    return " ".join([finding.class_name, f"{finding.confidence:.6g}", *short])


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, Id and PredictionString of each row. Raises NasError for no such table."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NasError(f"can't be read as a CSV file in UTF-8: {error}", file=path) from error
    header = ",".join(cell.strip() for cell in rows[0]) if rows else ""
    if header != HEADER:
        raise NasError(f"the header is {header!r}; allowed: {HEADER}", file=path, line=1)
    for line, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if len(cells) == 2:
            yield line, cells[0], cells[1]
        elif any(cells):
            problem = f"{len(cells)} cells in this row; allowed: 2, {HEADER}"
            raise NasError(problem, file=path, line=line, key=cells[0])


def _level_and_key(row_id: str) -> tuple[Level, str]:
    """Raises ValueError, in words for the user, as all below."""
    for level in get_args(Level):
        key = row_id.removesuffix(f"_{level}")
        if key and key != row_id:
            return level, key
    raise ValueError(f"{row_id!r} is no Id; allowed: ID_study, ID_image")


def _findings(level: Level, text: str) -> Iterator[Finding]:
    words = text.split()
    if len(words) % 6:
        raise ValueError(f"{len(words)} words are no groups of six; allowed: {_GROUP}, repeated")
    for start in range(0, len(words), 6):
        class_name, *values = words[start : start + 6]
        confidence, x1, y1, x2, y2 = (
            _number(value, name) for value, name in zip(values, _GROUP.split()[1:], strict=True)
        )
        finding = Finding(class_name, confidence, (x1, y1, x2, y2))
        if problem := _problem(level, finding):
            raise ValueError(problem)
        yield finding


def _number(text: str, name: str) -> float:
    if not _NUMBER.fullmatch(text):  # float() would take 1_0 and digits of other scripts too
        raise ValueError(f"{name} {text!r} is not a number")
    return float(text)


def _problem(level: Level, finding: Finding) -> str | None:
    """What is wrong with a finding, in words; None for a right one."""
    name, confidence, box = finding.class_name, finding.confidence, finding.box
    if name not in _CLASSES[level]:
        return f"no {level} class {name!r}{did_you_mean(name, _CLASSES[level])}"
    if not 0 <= confidence <= 1:
        return f"confidence {confidence} of {name!r}; allowed: 0 to 1"
    if name != "opacity" and tuple(box) != UNIT_BOX:
        return f"box {_words(box)} of {name!r}; allowed: 0 0 1 1"
    return _box_problem(box)


def _box_problem(box: tuple[float, ...]) -> str | None:
    x1, y1, x2, y2 = box
    if all(map(math.isfinite, box)) and x1 < x2 and y1 < y2:
        return None
    return f"box {_words(box)}; allowed: finite numbers x1 y1 x2 y2, x1 < x2 and y1 < y2"


def _words(box: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in box)


def _check_none_missing(
    path: Path, level: Level, found: Collection[str], expected: frozenset[str] | None
) -> None:
    missing = sorted((expected or frozenset()).difference(found))
    if missing:
        shown = ", ".join(f"{key}_{level}" for key in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise NasError(f"no row of {shown}{more}; each {level} must have one", file=path)


def competition_lines(metrics: CompetitionMetrics) -> list[str]:
    """A line a class of the competition, then their mean; a dash for a class without a truth."""
    rows = [("class", "AP@0.5")]
    rows += [(name, metric_text(value)) for name, value in metrics.average_precision.items()]
    return [*aligned(rows, left=(0,)), "", f"mAP@0.5 {metric_text(metrics.map_50)}"]
