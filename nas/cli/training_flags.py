"""Training settings with the flags of a command in their place."""

from pathlib import Path

from nas.cli.overrides import Flags, updated
from nas.errors import NasError
from nas.spec.load import read_document
from nas.spec.training import PseudoLabellingSpec, TrainingSpec
from nas.tasks.registry import task_named

_PLAIN = ("epochs", "batch_size", "learning_rate", "accumulate", "seed")


def training_from_flags(
    base: TrainingSpec, file: Path | None, flags: Flags, task: str, *, built_in: bool
) -> TrainingSpec:
    """The settings with the flags in their place, and resolved by the task.

    `file` is where they were read, if in a file. Raises NasError for a flag that is not allowed,
    and with the place in `file` for settings of another task.
    """
    training = updated(base, flags, *(name for name in _PLAIN if name in flags))
    rounds = _pseudo_labelling(training.pseudo_labelling, flags)
    training = training.model_copy(update={"pseudo_labelling": rounds})
    try:
        return task_named(task).resolved(training, built_in=built_in)
    except NasError as error:
        if file is None or error.key is None:
            raise
        document = read_document(file)
        key = tuple(error.key.split("."))
        raise document.error(
            key if "training" in document.data else key[1:], error.problem
        ) from error


def _pseudo_labelling(own: PseudoLabellingSpec | None, flags: Flags) -> PseudoLabellingSpec | None:
    """The rounds that the flags ask for; `--rounds 1` is one training, without them.

    Raises NasError for a threshold where no labels are added.
    """
    rounds, threshold = flags["rounds"], flags["threshold"]
    if rounds is None and threshold is None:
        return own
    if rounds == 1 or (rounds is None and own is None):
        if threshold is None:
            return None
        raise NasError(
            "labels are added between rounds: give --rounds 2 or more", key="--threshold"
        )
    return updated(own or PseudoLabellingSpec(), flags, "rounds", "threshold")
