"""What the flags of a command change of how data are read: preprocessing and splits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec
    from nas.tasks.base import Task


def preprocess_keys(
    task: "Task[Any]", *, no_turn: bool = False, labels: str | None = None
) -> dict[str, Any]:
    """The keys of `preprocess` that the flags set. Raises NasError where the task has none such."""
    keys: dict[str, Any] = {}
    if no_turn:
        if task.name != "image":
            raise NasError(f"the {task.name} task has no pictures to turn", key="--no-turn")
        keys["turn_portrait"] = False
    if labels is not None:
        if labels not in task.label_kinds:
            known = ", ".join(task.label_kinds) or "none"
            problem = f"the {task.name} task has no labels {labels!r}; allowed: {known}"
            raise NasError(problem, key="--labels")
        keys |= {"kind": "xray", "labels": labels}
    return keys


def checked_fold(task: "Task[Any]", fold: int | None) -> int | None:
    """The fold, which is the seed of the splits that it is the test split of; None for none.

    Raises NasError for a task without folds, and for a fold that there is not.
    """
    if fold is not None and fold >= task.folds:
        known = f"0 to {task.folds - 1}" if task.folds else "none"
        raise NasError(f"the {task.name} task has no fold {fold}; allowed: {known}", key="--fold")
    return fold


def with_data_flags(
    architecture: "ArchitectureSpec", keys: Mapping[str, Any], seed: int | None
) -> "ArchitectureSpec":
    """The architecture with these keys of its preprocessing, on the splits of that seed.

    On other splits than before mean and std are unsaid: they know what is tested now.
    """
    from pydantic import TypeAdapter

    from nas.spec.preprocess import PixelPreprocess, Preprocess
    from nas.train.source import FOUND_ON, on_splits, other_splits

    if keys:
        given = architecture.preprocess
        written = (
            {} if given is None else given.model_dump(exclude_unset=True) | {"kind": given.kind}
        )
        changed = TypeAdapter(Preprocess).validate_python({**written, **keys})
        architecture = replace(architecture, preprocess=changed)
    if seed is not None:
        before, preprocess = architecture.provenance, architecture.preprocess
        facts = on_splits(before, seed)
        if other_splits(before, seed):
            facts.setdefault(FOUND_ON, before["split_seed"])
            if isinstance(preprocess, PixelPreprocess):
                preprocess = preprocess.unmeasured()
        if facts.get(FOUND_ON) == seed:
            del facts[FOUND_ON]
        architecture = replace(architecture, preprocess=preprocess, provenance=facts)
    return architecture


def other_fold_warning(architecture: "ArchitectureSpec") -> str | None:
    """That a network was found on other splits, if it was."""
    from nas.train.source import found_on

    fold = found_on(architecture)
    if fold is None:
        return None
    return (
        f"the search that found this network had the splits of fold {fold}: its choice knows "
        "images that are in the test split here"
    )
