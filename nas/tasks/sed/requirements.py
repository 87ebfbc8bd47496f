"""Requirements of sound event detection on a network, and on every member of a space."""

from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.audio.mel import check_bands
from nas.data.audio.preprocess import MelPreprocess
from nas.errors import NasError
from nas.model.requirements import check_time_steps
from nas.spec.definition import TIME_HEADS, ArchitectureSpec, InputSpec
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.sed.losses import KnownLabelLossSpec


def mel_preprocess(preprocess: Preprocess | None) -> MelPreprocess:
    """The settings of spectrograms, the defaults for None. Raises NasError for those of images."""
    if preprocess is None:
        return MelPreprocess()
    if not isinstance(preprocess, MelPreprocess):
        problem = f"{preprocess.kind!r} is not allowed: the sed task has kind: mel"
        raise NasError(problem, key="preprocess.kind")
    return preprocess


def check_network(architecture: ArchitectureSpec) -> None:
    """Raises NasError for a network without logits over time."""
    _check_head(architecture.head)
    _check_input(architecture.input, mel_preprocess(architecture.preprocess))
    check_time_steps(architecture)


def check_space(space: SpaceSpec) -> str:
    """What every member has, in words. Raises NasError, with the line, if a member lacks it."""
    try:
        _check_head(space.head)
        preprocess = mel_preprocess(space.preprocess)
        for channels, height, width in space.input.shapes():
            size = InputSpec(channels=channels, height=height, width=width)
            _check_input(size, preprocess)
    except NasError as error:
        raise space.document.error(tuple((error.key or "").split(".")), error.problem) from error
    fewest = check_time_steps(space)
    return f"a head over time: every member keeps {fewest} time steps or more of a window"


def _check_head(head: str) -> None:
    if head not in TIME_HEADS:
        raise NasError(
            f"{head!r} is not allowed: the sed task has the heads {', '.join(sorted(TIME_HEADS))}",
            key="head",
        )


def _check_input(size: InputSpec, preprocess: MelPreprocess) -> None:
    if size.channels not in (1, 3):
        problem = f"{size.channels} is not allowed: a spectrogram is one plane, or three equal ones"
        raise NasError(problem, key="input.channels")
    if size.width <= preprocess.overlap_frames:
        raise NasError(
            f"windows of {size.width} frames can't share {preprocess.overlap_frames}: widen "
            "input.width, or lower it",
            key="preprocess.overlap_frames",
        )
    check_bands(preprocess, size.height)


def resolved_for_sounds(training: TrainingSpec) -> TrainingSpec:
    """The settings with a loss and an augmentation. Raises NasError for those of pictures."""
    loss = training.loss or KnownLabelLossSpec()
    augment = training.augment or SpectrogramAugmentSpec()
    if not isinstance(loss, KnownLabelLossSpec):
        raise NasError(
            f"{loss.kind!r} is not allowed: the sed task has the kinds known_bce, known_focal",
            key="training.loss.kind",
        )
    if not isinstance(augment, SpectrogramAugmentSpec):
        raise NasError(
            f"{augment.kind!r} is not allowed: the sed task has kind: spectrogram",
            key="training.augment.kind",
        )
    return training.model_copy(update={"loss": loss, "augment": augment})
