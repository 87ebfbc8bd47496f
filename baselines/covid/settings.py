"""What the two baselines of chest X-rays share: settings, their flags, the splits of a fold."""

from pathlib import Path
from typing import Any, Literal

from pydantic import field_serializer

from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec
from nas.spec.validate import Frozen

Task = Literal["covid-study", "covid-detection"]


class XrayBaselineSettings(Frozen):
    """All that decides the runs of a baseline but the fold, before data are read."""

    baseline: str
    """The command that wrote it: each has a literal of its own."""
    folds: tuple[int, ...] = ()
    """In the order of training; empty for a single one."""
    input: InputSpec
    preprocess: XrayPreprocess
    provenance: Provenance
    """Data and splits of the network whose inputs these are."""
    training: TrainingSpec
    """Resolved by the task."""
    data: Path | None
    """Null is the built-in set."""
    groups: Path | None
    strict: bool
    pretrained: bool
    """Whether it begins with its library's weights."""
    threads: int
    """Cores that PyTorch uses."""

    @field_serializer("preprocess")
    def _unmeasured_is_unsaid(self, preprocess: XrayPreprocess) -> dict[str, Any]:
        unknown = set() if preprocess.says_normalisation else {"mean", "std"}
        return preprocess.model_dump(mode="json", exclude=unknown)


def chosen_folds(flags: dict[str, Any], task: Task, source: Path | None) -> tuple[int, ...]:
    """The folds of `--folds`; none without it. Raises NasError where the data have none."""
    from baselines.covid.folds import parse_folds
    from nas.data.xray.source import find_xray_source
    from nas.tasks.registry import task_named

    if flags["folds"] is None:
        return ()
    if flags["fold"] is not None:
        raise NasError("give --fold K or --folds K,L,..., one of them", key="--folds")
    if source is not None and find_xray_source(source).test is not None:
        raise NasError("the data have a test split of their own: leave out --folds", file=source)
    return parse_folds(flags["folds"], task_named(task).folds)


def inputs_of(file: Path) -> tuple[InputSpec, XrayPreprocess, Provenance]:
    """Input and preprocessing of another network, and the data and splits that it was found on.

    Raises NasError for one that is not of X-rays.
    """
    from nas.spec.architecture import load_architecture

    like = load_architecture(file)
    if not isinstance(like.preprocess, XrayPreprocess):
        raise NasError("has no settings of X-rays to take", file=file, key="preprocess")
    return like.input, like.preprocess, like.provenance.split_facts()


def input_of_flag(text: str) -> InputSpec:
    """The input that `--input CxHxW` says. Raises NasError for other text."""
    from nas.cli.input_shape import parse_input_shape

    channels, height, width = parse_input_shape(text)
    return InputSpec(channels=channels, height=height, width=width)


def training_of_flags(
    flags: dict[str, Any], own: TrainingSpec, task: Task, source: Path | None
) -> TrainingSpec:
    """A file's settings, or the baseline's own, with the flags in their place."""
    from nas.cli.training_flags import training_from_flags
    from nas.spec.training import load_training

    file = flags["training"]
    base = own if file is None else load_training(file)
    without_rounds = {**flags, "rounds": None, "threshold": None}
    return training_from_flags(base, file, without_rounds, task, built_in=source is None)


def on_fold(
    preprocess: XrayPreprocess, facts: Provenance, fold: int | None
) -> tuple[XrayPreprocess, Provenance]:
    """Preprocessing and facts on the splits that a fold means; None leaves them.

    On other splits mean and std are unsaid: they know what is tested now.
    """
    if fold is None:
        return preprocess, facts
    if facts.other_splits(fold):
        preprocess = preprocess.unmeasured()
    return preprocess, facts.on_splits(fold)
