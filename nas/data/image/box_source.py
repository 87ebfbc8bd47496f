"""Pictures with boxes as their tables say: readers of CSV, COCO's JSON and YOLO's folders."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nas.data.boxes import Box
from nas.data.decode import UnreadableImage, image_extensions, upright_size
from nas.data.files import visible_files
from nas.data.image.source import split_named
from nas.data.splits import SPLIT_NAMES, Split
from nas.data.table import read_file_rows, table_head, table_lines
from nas.errors import NasError
from nas.text_table import plain_name

CSV_COLUMNS = ("path", "class", "x1", "y1", "x2", "y2")
BOX_TABLE = "boxes.csv"
"""The table of a folder."""
YOLO_FILE = "data.yaml"
"""The description of a YOLO folder."""


@dataclass(frozen=True)
class LabelledBox:
    """What is seen, and where."""

    name: str
    """Its class."""
    box: Box
    """In pixels of the file, upright."""
    place: str
    """`FILE:LINE`, or `FILE: annotations[N]`, that says so."""


@dataclass
class BoxedPicture:
    """One file and the boxes in it."""

    key: str
    """Path relative to the data set's folder, with forward slashes."""
    path: Path
    split: Split | None = None
    group: str | None = None
    boxes: list[LabelledBox] = field(default_factory=list)
    unusable: int = 0
    """Boxes that were left out as they stand: a picture that has no other is left out too."""


@dataclass
class BoxSource:
    """The pictures of a data set, by key."""

    root: Path
    pictures: dict[str, BoxedPicture] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """`PLACE: REASON` of each row or box that can't be used."""

    def refuse(self, picture: BoxedPicture, place: str, reason: str) -> None:
        """Leaves out a box."""
        picture.unusable += 1
        self.wrong.append(f"{place}: {reason}")


def find_box_source(source: Path) -> BoxSource:
    """The pictures and boxes of a CSV file (path,class,x1,y1,x2,y2), of a COCO file, or of a
    folder: with boxes.csv, with a YOLO data.yaml, or with COCO files, one a split.

    Raises NasError for anything else.
    """
    if source.is_dir():
        table = source / BOX_TABLE
        if table.is_file():
            return read_box_table(table)
        yolo = source / YOLO_FILE
        return read_yolo(yolo) if yolo.is_file() else _read_coco_folder(source)
    if not source.is_file():
        raise NasError("no such folder or file of boxes", file=source)
    if source.suffix.lower() == ".json":
        found = BoxSource(source.parent)
        _read_coco(source, None, found)
        return found
    if source.suffix.lower() == ".csv":
        return read_box_table(source)
    if source.suffix.lower() in (".yaml", ".yml"):
        return read_yolo(source)
    raise NasError("no table of boxes; allowed: .csv, COCO's .json, YOLO's .yaml", file=source)


def holds_boxes(source: Path) -> bool:
    """Whether it is a table of boxes, or a folder with one."""
    if source.is_dir():
        tables = (source / BOX_TABLE, source / YOLO_FILE)
        return any(table.is_file() for table in tables) or bool(_coco_files(source))
    if source.suffix.lower() == ".csv" and source.is_file():
        try:
            return set(CSV_COLUMNS) <= set(table_head(source))
        except NasError:
            return False
    return source.suffix.lower() == ".json" and _looks_like_coco(source)


def read_box_table(table: Path) -> BoxSource:
    """One box a row; a row with a path alone is a picture without one.

    Optional are the columns `split` and `group`. Rows that can't be used are told in `wrong`.
    Raises NasError for a missing column.
    """
    found = BoxSource(table.parent)
    for line, row in read_file_rows(table, CSV_COLUMNS, ("split", "group")):
        place = f"{table.name}:{line}"
        path = table.parent / row["path"]
        key = _key(path, table.parent)
        picture = found.pictures.get(key)
        split = split_named(row["split"], table, line)
        if picture is None:
            picture = BoxedPicture(key, path, split, row["group"] or None)
            found.pictures[key] = picture
        elif picture.split != split:
            problem = f"{row['path']!r} is in two splits"
            raise NasError(problem, file=table, line=line, key="split")
        cells = [row[name] for name in CSV_COLUMNS[1:]]
        if not any(cells):
            continue
        if not row["class"]:
            found.refuse(picture, place, "no class in this row")
            continue
        try:
            x1, y1, x2, y2 = (float(cell) for cell in cells[1:])
        except ValueError:
            found.refuse(picture, place, f"no four numbers: {', '.join(map(repr, cells[1:]))}")
            continue
        _add(found, picture, LabelledBox(plain_name(row["class"]), (x1, y1, x2, y2), place))
    return found


def _add(found: BoxSource, picture: BoxedPicture, item: LabelledBox) -> None:
    x1, y1, x2, y2 = item.box
    shown = " ".join(f"{edge:g}" for edge in item.box)
    if not all(map(math.isfinite, item.box)):
        found.refuse(picture, item.place, f"box {shown} is not finite")
    elif not (x1 < x2 and y1 < y2):
        found.refuse(picture, item.place, f"box {shown} has no area: needed are x1 < x2, y1 < y2")
    else:
        picture.boxes.append(item)


def _key(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _coco_files(folder: Path) -> list[tuple[Split | None, Path]]:
    """COCO files of a folder: SPLIT.json, SPLIT/*.json, or annotations/*SPLIT*.json."""
    files = [*folder.glob("*.json"), *folder.glob("*/*.json")]
    return [(_split_of(path, folder), path) for path in sorted(files) if _looks_like_coco(path)]


def _split_of(path: Path, root: Path) -> Split | None:
    """The split that a file's name or its folder's says: train.json, valid/x.json,
    instances_val2017.json."""
    words = [path.parent.name] if path.parent != root else []
    for word in [*words, *path.stem.replace("-", "_").split("_")]:
        split = SPLIT_NAMES.get(word.lower().rstrip("0123456789"))
        if split is not None:
            return split
    return None


_LOOKED_AT = 1 << 16


def _looks_like_coco(path: Path) -> bool:
    """Whether it begins or ends as a file of pictures and boxes."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(_LOOKED_AT)
            stream.seek(max(path.stat().st_size - _LOOKED_AT, 0))
            text = head + stream.read()
    except OSError:
        return False
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and any(
        word in text for word in (b'"annotations"', b'"categories"')
    )


def _read_coco_folder(folder: Path) -> BoxSource:
    files = _coco_files(folder)
    if not files:
        raise NasError(f"no boxes; needed is {BOX_TABLE} or a COCO file in it", file=folder)
    if len(files) > 1 and any(split is None for split, _ in files):
        unnamed = next(path for split, path in files if split is None)
        raise NasError("several COCO files, and this one's name says no split", file=unnamed)
    found = BoxSource(folder)
    for split, path in files:
        _read_coco(path, split, found)
    return found


def _read_coco(file: Path, split: Split | None, found: BoxSource) -> None:
    """Adds a file's pictures and boxes (x, y, width, height). Boxes of crowds are left out."""
    content = _json_of(file)
    names: dict[Any, str] = {
        item.get("id"): plain_name(str(item.get("name")))
        for item in _rows(content, "categories", file)
    }
    pictures: dict[Any, BoxedPicture] = {}
    for number, item in enumerate(_rows(content, "images", file)):
        name = item.get("file_name")
        if not isinstance(name, str) or not name:
            raise NasError(f"images[{number}]: no file_name", file=file)
        path = _picture_path(name, file, found.root)
        key = _key(path, found.root)
        if key in found.pictures:
            raise NasError(f"images[{number}]: {name!r} is named before", file=file)
        pictures[item.get("id")] = found.pictures[key] = BoxedPicture(key, path, split)
    for number, item in enumerate(_rows(content, "annotations", file)):
        place = f"{file.name}: annotations[{number}]"
        picture = pictures.get(item.get("image_id"))
        if picture is None:
            found.wrong.append(f"{place}: no image has the id {item.get('image_id')!r}")
            continue
        if item.get("category_id") not in names:
            found.refuse(picture, place, f"no category has the id {item.get('category_id')!r}")
            continue
        if item.get("iscrowd"):
            found.refuse(picture, place, "a crowd, not one object")
            continue
        try:
            x, y, width, height = (float(value) for value in item["bbox"])
        except (KeyError, TypeError, ValueError):
            found.refuse(picture, place, f"no bbox of four numbers: {item.get('bbox')!r}")
            continue
        name = names[item["category_id"]]
        _add(found, picture, LabelledBox(name, (x, y, x + width, y + height), place))


def _json_of(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise NasError(f"is no JSON: {error.msg}", file=file, line=error.lineno) from error
    except (OSError, UnicodeDecodeError) as error:
        raise NasError(f"can't be read as JSON in UTF-8: {error}", file=file) from error
    if not isinstance(content, dict):
        raise NasError("is no COCO file: a mapping with images is needed", file=file)
    return content


def _rows(content: dict[str, Any], name: str, file: Path) -> Iterator[dict[str, Any]]:
    rows = content.get(name)
    if not isinstance(rows, list):
        raise NasError(f"no list {name!r}; the file has {', '.join(content)}", file=file)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise NasError(f"{name}[{number}] is no mapping", file=file)
        yield row


def _picture_path(name: str, file: Path, root: Path) -> Path:
    """Beside the file, in the root, or in a folder `images` or of the split's name there."""
    tail = file.stem.rpartition("_")[2]
    folders = [file.parent, root, file.parent / "images", root / "images"]
    folders += [root / tail, root / "images" / tail]
    paths = [folder / name for folder in folders]
    missing = paths[4] if paths[4].parent.is_dir() else paths[0]
    return next((path for path in paths if path.is_file()), missing)


def read_yolo(file: Path) -> BoxSource:
    """The pictures of a YOLO `data.yaml`: `names`, and a folder of pictures for each split.

    Each picture has a file of the same name, .txt, in the folder `labels` in the place of `images`,
    or beside it: `CLASS X Y WIDTH HEIGHT` a line, the middle and the sides as shares of the
    picture. Without a file, or with an empty one, it has no box. Raises NasError for no names.
    """
    content = _yaml_of(file)
    names = _yolo_names(content, file)
    root = file.parent
    if isinstance(content.get("path"), str) and (root / content["path"]).is_dir():
        root = root / content["path"]
    found = BoxSource(root)
    for key in ("train", "val", "test"):
        given = content.get(key)
        for folder in given if isinstance(given, list) else [given]:
            if folder:
                _read_yolo_folder(_yolo_folder(str(folder), root, file, key), key, names, found)
    if not found.pictures:
        raise NasError("no pictures; needed is train: FOLDER", file=file, key="train")
    return found


def _yaml_of(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise NasError(f"is no YAML: {error.problem}", file=file, line=line) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NasError(f"can't be read as YAML in UTF-8: {error}", file=file) from error
    if not isinstance(content, dict):
        raise NasError("no mapping with names and train", file=file)
    return content


def _yolo_names(content: dict[str, Any], file: Path) -> dict[int, str]:
    names = content.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not all(isinstance(k, int) for k in names):
        raise NasError(
            "needed is a list of classes, or a mapping from numbers", file=file, key="names"
        )
    return {number: plain_name(str(name)) for number, name in names.items()}


def _yolo_folder(folder: str, root: Path, file: Path, key: str) -> Path:
    """Relative to `path`, or to the file; Roboflow writes one `../` too many."""
    for path in (root / folder, file.parent / folder, root / folder.removeprefix("../")):
        if path.is_dir():
            return path
    raise NasError(f"no folder {folder!r}", file=file, key=key)


def _read_yolo_folder(folder: Path, key: str, names: dict[int, str], found: BoxSource) -> None:
    for path in visible_files(folder, image_extensions()):
        picture = BoxedPicture(_key(path, found.root), path, SPLIT_NAMES[key])
        if picture.key in found.pictures:
            raise NasError(f"{picture.key!r} is in two splits", file=folder, key=key)
        found.pictures[picture.key] = picture
        labels = _yolo_labels(path)
        if labels is None:
            continue
        try:
            size = upright_size(path)
        except (UnreadableImage, OSError):
            size = (1, 1)  # the picture is left out, and said to be, where it is decoded
        for line, text in table_lines(labels):
            if words := text.split():
                _add_yolo(found, picture, words, size, f"{labels.name}:{line}", names)


def _yolo_labels(path: Path) -> Path | None:
    parts = list(path.with_suffix(".txt").parts)
    places = [n for n, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return next((file for file in (Path(*parts), path.with_suffix(".txt")) if file.is_file()), None)


def _add_yolo(
    found: BoxSource,
    picture: BoxedPicture,
    words: list[str],
    size: tuple[int, int],
    place: str,
    names: dict[int, str],
) -> None:
    if len(words) != 5:
        found.refuse(picture, place, f"{len(words)} values, but a box has CLASS X Y WIDTH HEIGHT")
        return
    try:
        number, (x, y, width, height) = int(words[0]), map(float, words[1:])
    except ValueError:
        found.refuse(picture, place, f"no numbers: {' '.join(words)}")
        return
    if number not in names:
        found.refuse(picture, place, f"no class {number} in {YOLO_FILE}; it has 0 to {max(names)}")
        return
    high, wide = size
    box = (
        (x - width / 2) * wide,
        (y - height / 2) * high,
        (x + width / 2) * wide,
        (y + height / 2) * high,
    )
    _add(found, picture, LabelledBox(names[number], box, place))
