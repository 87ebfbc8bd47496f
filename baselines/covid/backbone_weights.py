"""Classifiers' runs whose weights may begin a detector's backbone on a fold."""

from pathlib import Path

from baselines.covid.folds import fold_folder
from nas.errors import NasError
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec
from nas.tasks.registry import task_named
from nas.train.source import same_data
from nas.train.trained import ARCHITECTURE_FILE

KEY = "--backbone-from"


def backbone_run(given: Path, fold: int) -> Path:
    """The run that `given` holds for a fold: itself, or of a classifier's folds that fold's last.

    Raises NasError for folds of a classifier without this one.
    """
    run = given
    if any(given.glob("fold-*")):
        run = fold_folder(given, fold)
        if not run.is_dir():
            raise NasError(f"holds folds of a classifier, but not fold {fold}", file=given, key=KEY)
    last = run / "step-3"
    return last if last.is_dir() else run


def refuse_leak(
    run: Path,
    detector: ArchitectureSpec,
    source: Path | None,
    groups: Path | None,
    *,
    several: bool,
) -> None:
    """Raise NasError for a run that learned from images of the detector's other splits.

    One on other data may have any splits. `several` says that the detector is trained on folds.
    """
    classifier = _architecture(run)
    if not _on_same_data(classifier, detector, source):
        return
    there, here = classifier.provenance.split_seed, detector.provenance.split_seed
    if there != here:
        hint = (
            ": a single run serves one fold, so give the folder of its folds (OUT of "
            "`nas baseline covid-study --folds`)"
            if several
            else f": give one of fold {here}"
        )
        raise NasError(
            f"was trained on the splits of fold {there}, so it has learned from images that fold "
            f"{here} tests{hint}",
            file=run,
            key=KEY,
        )
    before = classifier.provenance.groups
    if before != (None if groups is None else str(groups)):
        raise NasError(
            f"was split by other groups ({before or 'none'}), so it may have learned from images "
            f"that are tested here (groups: {groups or 'none'})",
            file=run,
            key=KEY,
        )


def _architecture(run: Path) -> ArchitectureSpec:
    file = run / ARCHITECTURE_FILE
    if not file.exists():
        raise NasError(
            f"no {ARCHITECTURE_FILE} in it, so nobody knows what it has learned from; give a "
            "folder that `nas train` or a baseline wrote",
            file=run,
            key=KEY,
        )
    return load_architecture(file)


def _on_same_data(
    classifier: ArchitectureSpec, detector: ArchitectureSpec, source: Path | None
) -> bool:
    """Whether both learn from one set; the built-in ones of two tasks may be two."""
    sets = {task_named(item.task).built_in_source for item in (classifier, detector)}
    return same_data(classifier, source) and (source is not None or len(sets) == 1)
