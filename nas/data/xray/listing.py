"""Which X-rays a data set consists of, their labels, folds and splits, before any is decoded."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.data.files import first_of
from nas.data.listing import Listing
from nas.data.splits import SPLITS, Split
from nas.data.xray.dataset import ListedXray
from nas.data.xray.siim import (
    STUDY_CLASSES,
    ImageRow,
    MetaTable,
    StudyRow,
    read_image_table,
    read_meta,
    read_study_table,
)
from nas.data.xray.source import LabelledFolder, XraySource, find_xray_source, no_files, xray_files
from nas.data.xray.splits import divide_xrays, group_xrays
from nas.errors import NasError


@dataclass(frozen=True, kw_only=True)
class XrayListing(Listing[ListedXray]):
    """The images of a data set, sorted by split and id; those that no usable row names are ignored.
    Its classes are those of studies."""

    places: XraySource
    given_folds: bool
    """Whether meta.csv says which image is in which fold."""

    def name_of(self, file: ListedXray) -> str:
        """An image's id: files may lie in other folders."""
        return file.id


def list_xrays(
    source: Path, seed: int = 0, groups: Path | None = None, cache_dir: Path | None = None
) -> XrayListing:
    """The images of a data set (see `find_xray_source`), divided by `seed` into folds.

    Images go together by patient: as the table `groups` (path, group) says, else meta.csv, else
    the DICOM header; a study goes together in any case. Folds that meta.csv gives stand as they
    are; others are stratified by the study's class, whatever is learned. Headers are remembered in
    `cache_dir`. Raises NasError for tables that are none, for a table no row of which fits an
    image, for a group in two given folds or in train and test, and for too few groups.
    """
    places = find_xray_source(source)
    try:
        parts = [_part(places.train, "train", places.root)]
        if places.test is not None:
            parts.append(_part(places.test, "test", places.root))
    except OSError as error:
        raise NasError(f"can't be listed: {error}", file=source) from error
    meta = read_meta(places.meta) if places.meta is not None else MetaTable({}, ())
    images = [item for part in parts for item in part.images]
    images = group_xrays(images, places, meta, groups, cache_dir)
    images = divide_xrays(images, places, meta, seed)
    wrong = [line for part in parts for line in part.wrong]
    wrong += [*meta.wrong, *_strangers(meta, {name for part in parts for name in part.ids})]
    return XrayListing(
        source=source,
        root=places.root,
        files=tuple(sorted(images, key=lambda item: (SPLITS.index(item.split), item.id))),
        classes=STUDY_CLASSES,
        made_splits=("validation",) if places.test is not None else ("validation", "test"),
        wrong=tuple(wrong),
        ignored_files=sum(part.ignored_files for part in parts),
        places=places,
        given_folds=any(
            item.id in meta.rows and meta.rows[item.id].fold is not None for item in images
        ),
    )


@dataclass(frozen=True)
class _Part:
    """What one labelled folder holds."""

    images: list[ListedXray]
    wrong: list[str]
    ids: set[str]
    """Of all files and of all usable rows."""
    ignored_files: int


def _part(folder: LabelledFolder, split: Split, root: Path) -> _Part:
    """Raises NasError unless a row fits a file."""
    files = xray_files(folder.images)
    studies = read_study_table(folder.study_table)
    table = read_image_table(folder.image_table, studies.rows)
    wrong = [*studies.wrong, *table.wrong]
    wrong += _without_images(studies.rows, table.rows.values())
    lost = [row for row in table.rows.values() if row.image_id not in files]
    wrong += _without_files(lost, folder.images)
    marked = {row.study_id for row in table.rows.values() if row.boxes}
    images = [
        _listed(row, files[row.image_id], studies.rows[row.study_id], marked, split, root)
        for row in table.rows.values()
        if row.image_id in files
    ]
    if not images:
        problem = f"no row fits an image in {folder.images.name}{first_of(wrong)}"
        raise NasError(problem, file=folder.image_table)
    ids = {*files, *table.rows}
    return _Part(images, wrong, ids, len(files) - len(images))


def _listed(
    row: ImageRow, path: Path, study: StudyRow, marked: Container[str], split: Split, root: Path
) -> ListedXray:
    key = path.relative_to(root) if path.is_relative_to(root) else path
    return ListedXray(
        row.image_id,
        row.study_id,
        key.as_posix(),
        path,
        study.study_class,
        row.boxes,
        not row.boxes and row.study_id in marked,
        row.place,
        split,
    )


def _without_images(studies: Mapping[str, StudyRow], rows: Iterable[ImageRow]) -> list[str]:
    used = {row.study_id for row in rows}
    return [
        f"{study.place}: no usable row of an image of study {study.study_id!r}"
        for study in studies.values()
        if study.study_id not in used
    ]


def _without_files(rows: Sequence[ImageRow], folder: Path) -> list[str]:
    others = no_files(folder) if rows else {}
    return [
        f"{row.place}: "
        + (
            f"{others[row.image_id].relative_to(folder.parent).as_posix()!r} is no file"
            if row.image_id in others
            else f"no file of image {row.image_id!r} in {folder.name}"
        )
        for row in rows
    ]


def _strangers(meta: MetaTable, known: set[str]) -> Sequence[str]:
    return [
        f"{row.place}: no image {name!r} in the data set"
        for name, row in meta.rows.items()
        if name not in known
    ]
