"""Training settings of sound event detection where a file names none."""

from nas.errors import NasError
from nas.spec.training import KnownLabelLossSpec, SpectrogramAugmentSpec, TrainingSpec


def settled_for_sounds(training: TrainingSpec) -> TrainingSpec:
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
