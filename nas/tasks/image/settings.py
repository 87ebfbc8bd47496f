"""Training settings of the image task: its own loss and augmentation where they name none."""

from nas.data.augment import AugmentSpec
from nas.errors import NasError
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec


def resolved_for_images(training: TrainingSpec, *, built_in: bool) -> TrainingSpec:
    """The settings with loss and augmentation written out; `built_in` digits are not mirrored.

    Raises NasError for the settings of another task.
    """
    if training.pseudo_labelling is not None:
        raise NasError(
            "the labels of the image task are all known", key="training.pseudo_labelling"
        )
    augment = image_augment(training)
    if built_in:
        augment = augment.model_copy(update={"flip": False, "rotate_180": False})
    return training.model_copy(update={"loss": image_loss(training), "augment": augment})


def image_loss(training: TrainingSpec) -> LossSpec:
    """The settings' loss, or this task's own. Raises NasError for another task's."""
    loss = LossSpec() if training.loss is None else training.loss
    if not isinstance(loss, LossSpec):
        raise NasError(
            f"{loss.kind} is no loss of a classifier; allowed: cross_entropy, cross_entropy_f1, "
            "focal, focal_f1, bce, bce_f1",
            key="training.loss.kind",
        )
    return loss


def image_augment(training: TrainingSpec) -> AugmentSpec:
    """The settings' augmentation, or this task's own. Raises NasError for another task's."""
    augment = AugmentSpec() if training.augment is None else training.augment
    if not isinstance(augment, AugmentSpec):
        raise NasError(
            f"{augment.kind} is no augmentation of pictures; allowed: image",
            key="training.augment.kind",
        )
    return augment
