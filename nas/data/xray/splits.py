"""Which X-ray is in train, validation and test: by patient, in five folds, given or made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from nas.data.decode import guarded_pillow
from nas.data.digests import FileMemo
from nas.data.files import first_of
from nas.data.table import groups_of
from nas.data.xray.dataset import ListedXray
from nas.data.xray.dicom import patient_of
from nas.data.xray.folds import FOLDS, FoldItem, make_folds, partition_of, split_of_fold
from nas.data.xray.siim import MetaTable
from nas.data.xray.source import XraySource
from nas.errors import NasError

_Node = tuple[bool, str]
"""`(False, patient)` or `(True, study)`: patients come first in order."""


def patient_groups(studies: Sequence[str], patients: Sequence[str | None]) -> tuple[str, ...]:
    """Group of each image: its patient where that is known, else its study.

    No study is divided: one whose images name several patients, or name one in part, makes all of
    these one group, under the first name in alphabetical order.
    """
    parents: dict[_Node, _Node] = {}
    for study, patient in zip(studies, patients, strict=True):
        ends = {_root(parents, (True, study))}
        if patient is not None:
            ends.add(_root(parents, (False, patient)))
        parents |= dict.fromkeys(ends, min(ends))
    return tuple(_root(parents, (True, study))[1] for study in studies)


def _root(parents: dict[_Node, _Node], node: _Node) -> _Node:
    """The first of all that `node` is joined with."""
    while parents.setdefault(node, node) != node:
        node = parents[node]
    return node


class PatientMemo:
    """Patients of the files below one folder; each header is read once and then remembered."""

    def __init__(self, cache_dir: Path | None, root: Path) -> None:
        self._memo = FileMemo(cache_dir, root, f"patients_{version('pydicom')}")

    def patients(self, paths: Sequence[Path]) -> list[str | None]:
        """PatientID of each file; None where the file is no DICOM, has none or can't be read."""
        with guarded_pillow():
            return [patient or None for patient in self._memo.recall(paths, _patient)]


def _patient(path: Path) -> str | None:
    """Empty for a file that names nobody, which is remembered too."""
    try:
        return patient_of(path) or ""
    except (OSError, MemoryError):
        return None


def group_xrays(
    images: Sequence[ListedXray],
    places: XraySource,
    meta: MetaTable,
    groups: Path | None,
    cache_dir: Path | None,
) -> list[ListedXray]:
    """`images` with their patients and groups (see `list_xrays`).

    Raises NasError for a table `groups` that lacks an image, and for a file, an id, a study or a
    patient in both train and test.
    """
    if groups is not None:
        patients = groups_of(groups, places.root, [item.key for item in images], "images")
    else:
        patients = _known_patients(images, places, meta, cache_dir)
    names = patient_groups([item.study_id for item in images], patients)
    grouped = [
        replace(item, patient=patient, group=group)
        for item, patient, group in zip(images, patients, names, strict=True)
    ]
    _refuse_crossing(grouped, places.source)
    return grouped


def divide_xrays(
    images: Sequence[ListedXray], places: XraySource, meta: MetaTable, seed: int
) -> list[ListedXray]:
    """`images` with folds and splits; those of a given test split keep it.

    Raises NasError for a group in two given folds, for an image without a fold where others have
    one, and for too few groups.
    """
    pool = [item for item in images if item.split == "train"]
    folds = _given_folds(pool, places, meta) or _made_folds(pool, places, seed)
    test_given = places.test is not None
    placed = [
        replace(
            item,
            fold=folds[item.id],
            split=split_of_fold(folds[item.id], seed, test_given=test_given),
        )
        for item in pool
    ]
    return placed + [item for item in images if item.split == "test"]


def _known_patients(
    images: Sequence[ListedXray], places: XraySource, meta: MetaTable, cache_dir: Path | None
) -> list[str | None]:
    """Patient of each image by meta.csv, else by its DICOM header, which is read once."""
    named = {name: row.patient for name, row in meta.rows.items() if row.patient}
    others = [item for item in images if item.id not in named]
    read = PatientMemo(cache_dir, places.root).patients([item.path for item in others])
    found = {item.id: patient for item, patient in zip(others, read, strict=True)}
    return [named.get(item.id) or found[item.id] for item in images]


def _refuse_crossing(images: Sequence[ListedXray], source: Path) -> None:
    """Raises NasError for what would be learned from and tested on."""
    for noun, name_of in (
        ("files", lambda item: str(item.path.resolve())),
        ("image ids", lambda item: item.id),
        ("patients or studies", lambda item: item.group),
    ):
        names = {
            test: {name_of(item) for item in images if (item.split == "test") == test}
            for test in (False, True)
        }
        if both := sorted(names[False] & names[True]):
            problem = f"{len(both)} {noun} in both train and test{first_of(both)}"
            raise NasError(problem, file=source)


def _given_folds(
    images: Sequence[ListedXray], places: XraySource, meta: MetaTable
) -> dict[str, int]:
    """The folds of meta.csv; empty where it gives none."""
    folds = {
        item.id: row.fold
        for item in images
        if (row := meta.rows.get(item.id)) is not None and row.fold is not None
    }
    missing = [item.id for item in images if item.id not in folds]
    if folds and missing:
        raise NasError(
            f"{len(missing)} of {len(images)} images have no fold{first_of(missing)}; give all of "
            f"them one, or none{first_of(meta.wrong)}",
            file=places.meta,
            key="fold",
        )
    members: defaultdict[str, set[int]] = defaultdict(set)
    for item in images if folds else ():
        members[item.group].add(folds[item.id])
    crossing = [name for name, found in sorted(members.items()) if len(found) > 1]
    if crossing:
        problem = f"{len(crossing)} patients or studies in two folds or more{first_of(crossing)}"
        raise NasError(problem, file=places.meta, key="fold")
    return folds


def _made_folds(images: Sequence[ListedXray], places: XraySource, seed: int) -> dict[str, int]:
    items = [FoldItem(item.id, item.study_class, item.group) for item in images]
    groups = {item.group for item in items}
    if len(groups) < FOLDS:
        raise NasError(
            f"only {len(groups)} patients or studies{first_of(sorted(groups))}; {FOLDS} folds need "
            f"{FOLDS}; if they are more, a table of --groups (path,group) can say who is who",
            file=places.source,
        )
    try:
        return make_folds(items, partition_of(seed))
    except ValueError as error:
        problem = f"no class has {FOLDS} images, one for each fold ({error})"
        raise NasError(problem, file=places.source) from error
