"""Which data a network is trained or evaluated on when the command line does not say."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from nas.data.preprocess import PixelPreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.tasks.registry import task_named

FOUND_ON = "found_on_split_seed"
"""In the provenance of a network that is trained on other splits than it was found on: theirs."""
SPLIT_FACTS = ("data", "split_seed", "split_digest", "groups")
"""What a provenance says of its data and of their splits."""


def source_of(architecture: ArchitectureSpec, given: Path | None) -> Path | None:
    """The folder or table to read; None is the built-in data set.

    `given` counts first, then what the architecture's provenance names. Raises NasError if that is
    not there any more.
    """
    if given is not None:
        return given.resolve()
    named = architecture.provenance.get("data")
    if named is None or named == task_named(architecture.task).built_in_source:
        return None
    path = Path(str(named))
    if not path.exists():
        raise NasError(
            f"the data that it names, {str(path)!r}, are not there; give --data",
            key="provenance.data",
        )
    return path.resolve()


def same_data(architecture: ArchitectureSpec, source: Path | None) -> bool:
    """Whether the architecture was made on these data, or does not say on which."""
    if "data" not in architecture.provenance:
        return True
    named = architecture.provenance["data"]
    built_in = named is None or named == task_named(architecture.task).built_in_source
    if source is None or built_in:
        return source is None and built_in
    return Path(str(named)).resolve() == source.resolve()


def made_otherwise(architecture: ArchitectureSpec, source: Path | None, split_digest: str) -> bool:
    """Whether the same data were split otherwise when the architecture was found or trained.

    Splits that are made change with the files; some that were learned from may then be tested.
    """
    before = architecture.provenance.get("split_digest")
    return bool(before) and before != split_digest and same_data(architecture, source)


def groups_of(
    architecture: ArchitectureSpec, source: Path | None, given: Path | None
) -> Path | None:
    """The table of groups to split by: `given`, else on the same data what was used before."""
    named = architecture.provenance.get("groups")
    if given is None and named is not None and same_data(architecture, source):
        given = Path(str(named))
    return None if given is None else given.resolve()


def split_seed_of(architecture: ArchitectureSpec) -> int:
    """The seed by which the data were split when the architecture was found, 0 if it is silent.

    Not the training seed: another split would test on samples that the search has learned from.
    """
    seed = architecture.provenance.get("split_seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise NasError(
            f"{seed!r} is no seed; allowed are whole numbers from 0", key="provenance.split_seed"
        )
    return seed


def split_facts(architecture: ArchitectureSpec) -> dict[str, JsonValue]:
    """What is known of the data and the splits that the architecture was found or trained on."""
    facts = architecture.provenance
    return {key: facts[key] for key in SPLIT_FACTS if key in facts}


def other_splits(facts: Mapping[str, JsonValue], seed: int) -> bool:
    """Whether a provenance says other splits than those of that seed."""
    return facts.get("split_seed", seed) not in (None, seed)


def on_splits(facts: Mapping[str, JsonValue], seed: int) -> dict[str, JsonValue]:
    """A provenance on the splits of that seed, without what it says of the files in others."""
    other = other_splits(facts, seed)
    kept = {key: value for key, value in facts.items() if not (other and key == "split_digest")}
    return {**kept, "split_seed": seed}


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
    before, preprocess = architecture.provenance, architecture.preprocess
    facts = on_splits(before, fold)
    if other_splits(before, fold):
        facts.setdefault(FOUND_ON, before["split_seed"])
        if isinstance(preprocess, PixelPreprocess):
            preprocess = preprocess.unmeasured()
    if facts.get(FOUND_ON) == fold:
        del facts[FOUND_ON]
    return replace(architecture, preprocess=preprocess, provenance=facts)


def found_on(architecture: ArchitectureSpec) -> int | None:
    """The split seed of the search that chose the network, where it is trained on other splits."""
    seed = architecture.provenance.get(FOUND_ON)
    return seed if isinstance(seed, int) else None


def training_of(architecture: ArchitectureSpec) -> TrainingSpec:
    """The settings of the search that found the architecture, else the defaults.

    Epochs and seed are the defaults either way: a search trains short runs. Raises NasError for
    settings that are not allowed.
    """
    named = architecture.provenance.get("training")
    if named is None:
        return TrainingSpec()
    try:
        training = TrainingSpec.model_validate(named)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, ("provenance", "training", *problem["loc"])))
        raise NasError(problem["msg"], key=key) from error
    own = TrainingSpec()
    return training.model_copy(update={"epochs": own.epochs, "seed": own.seed})
