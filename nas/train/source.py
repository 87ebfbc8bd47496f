"""Data on which a network is trained or evaluated, settings and teacher, if nobody says them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nas.data.preprocess import PixelPreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.tasks.registry import task_named

BEGUN_RATE = 2e-3
"""Peak learning rate of a network that begins from others' weights."""


def source_of(architecture: ArchitectureSpec, given: Path | None) -> Path | None:
    """The folder or table to read; None is the built-in data set.

    `given` counts first, then what the architecture's provenance names. Raises NasError if that is
    not there any more.
    """
    if given is not None:
        return given.resolve()
    named = architecture.provenance.data
    if named is None or named == task_named(architecture.task).built_in_source:
        return None
    path = Path(named)
    if not path.exists():
        raise NasError(
            f"the data that it names, {str(path)!r}, are not there; give --data",
            key="provenance.data",
        )
    return path.resolve()


def same_data(architecture: ArchitectureSpec, source: Path | None) -> bool:
    """Whether the architecture was made on these data, or does not say on which."""
    if not architecture.provenance.says_data:
        return True
    named = architecture.provenance.data
    if named is None or named == task_named(architecture.task).built_in_source:
        return source is None
    return source is not None and Path(named).resolve() == source.resolve()


def made_otherwise(architecture: ArchitectureSpec, source: Path | None, split_digest: str) -> bool:
    """Whether the same data were split otherwise when the architecture was found or trained.

    Splits that are made change with the files; some that were learned from may then be tested.
    """
    before = architecture.provenance.split_digest
    return bool(before) and before != split_digest and same_data(architecture, source)


def groups_of(
    architecture: ArchitectureSpec, source: Path | None, given: Path | None
) -> Path | None:
    """The table of groups to split by: `given`, else on the same data what was used before."""
    named = architecture.provenance.groups
    if given is None and named is not None and same_data(architecture, source):
        given = Path(named)
    return None if given is None else given.resolve()


def checked_fold(task: Task[Any], fold: int | None) -> int | None:
    """The fold, which is the seed of the splits that it is the test split of; None for none.

    Raises NasError for a task without folds, and for a fold that there is not.
    """
    if fold is not None and fold >= task.folds:
        known = f"0 to {task.folds - 1}" if task.folds else "none"
        raise NasError(f"the {task.name} task has no fold {fold}; allowed: {known}", key="--fold")
    return fold


def on_fold(architecture: ArchitectureSpec, fold: int) -> ArchitectureSpec:
    """The architecture, to be trained on the splits that this fold is the test split of.

    On other splits than before mean and standard deviation are unsaid, as they were measured on
    what is tested now, and the provenance keeps where the network was found.
    """
    preprocess, before = architecture.preprocess, architecture.provenance
    if before.other_splits(fold) and isinstance(preprocess, PixelPreprocess):
        preprocess = preprocess.unmeasured()
    facts = before.trained_on_splits(fold)
    return replace(architecture, preprocess=preprocess, provenance=facts)


def training_of(architecture: ArchitectureSpec) -> TrainingSpec:
    """The settings of the search that found the architecture, else the defaults, which are gentler
    for a network that begins from others' weights.

    Epochs and seed are the defaults either way: a search trains short runs. Raises NasError for
    settings that are not allowed.
    """
    named = architecture.provenance.training
    if named is None:
        begun = architecture.begin is not None
        return TrainingSpec(learning_rate=BEGUN_RATE) if begun else TrainingSpec()
    try:
        training = TrainingSpec.model_validate(named)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, ("provenance", "training", *problem["loc"])))
        raise NasError(problem["msg"], key=key) from error
    own = TrainingSpec()
    return training.model_copy(update={"epochs": own.epochs, "seed": own.seed})


@dataclass(frozen=True)
class NamedTeacher:
    """Who taught a network, or those of its search, as its architecture file says."""

    runs: tuple[Path, ...]
    """Empty where they can't teach what is trained now."""
    unlabelled: Path | None
    """Folder of samples without labels, where it is still there."""
    line: str
    """What a person is told of it."""


def teacher_from(architecture: ArchitectureSpec, file: Path) -> ArchitectureSpec:
    """The architecture with its teacher's folders by their full paths, as seen from its file."""
    named = architecture.provenance.teacher
    if named is None:
        return architecture
    full = Provenance(teacher=[str((file.parent / run).resolve()) for run in named])
    return replace(architecture, provenance=architecture.provenance.joined(full))


def teacher_of(
    architecture: ArchitectureSpec,
    source: Path | None,
    *,
    fold: int | None = None,
    training: TrainingSpec | None = None,
) -> NamedTeacher | None:
    """The teacher that the architecture names, for a training on `source`; None for nobody."""
    facts = architecture.provenance
    if not facts.teacher:
        return None
    runs = tuple(map(Path, facts.teacher))
    rounds = None if training is None else training.pseudo_labelling
    gone = [run for run in runs if not run.is_dir()]
    reason = None
    if gone:
        reason = f"{gone[0]} is not there any more"
    elif not same_data(architecture, source) or (fold is not None and facts.other_splits(fold)):
        reason = "it has learned from other data or splits"
    elif rounds is not None and rounds.rounds > 1:
        reason = "it knows nothing of labels that are added between rounds"
    names = ", ".join(map(str, runs))
    if reason is not None:
        line = f"{architecture.name} was found with the teacher {names}, but {reason}: no teacher"
        return NamedTeacher((), None, line)
    below = None if facts.unlabelled is None else Path(facts.unlabelled)
    line = f"{architecture.name} was found with the teacher {names}: it teaches on"
    if below is not None and not below.is_dir():
        below, line = None, f"{line}, without {below}, which is not there any more"
    return NamedTeacher(runs, below, f"{line} (--teacher none: nobody does)")
