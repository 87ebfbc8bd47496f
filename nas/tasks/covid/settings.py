"""Training settings of the X-ray tasks where a file names none."""

from nas.errors import NasError
from nas.spec.training import AugmentSpec, DetectionLossSpec, LossSpec, TrainingSpec
from nas.tasks.image_settings import image_augment, image_loss

AUGMENT = AugmentSpec(crop_padding=0.05, zoom=0.15, colour=0.2)
"""Radiographs differ in exposure and in how far off the detector was; they have an upright."""


def settled_for_studies(training: TrainingSpec) -> TrainingSpec:
    """The settings with a classifier's loss and an augmentation. Raises NasError for others."""
    return _settled(training, image_loss(training))


def settled_for_boxes(training: TrainingSpec) -> TrainingSpec:
    """The settings with a detector's loss and an augmentation. Raises NasError for others."""
    loss = training.loss or DetectionLossSpec()
    if not isinstance(loss, DetectionLossSpec):
        raise NasError(
            f"{loss.kind!r} is not allowed: a detector has the kind dense_boxes",
            key="training.loss.kind",
        )
    return _settled(training, loss)


def detection_loss(training: TrainingSpec) -> DetectionLossSpec:
    """The loss of settled settings."""
    loss = settled_for_boxes(training).loss
    assert isinstance(loss, DetectionLossSpec)
    return loss


def _settled(training: TrainingSpec, loss: LossSpec | DetectionLossSpec) -> TrainingSpec:
    if training.relabel is not None:
        raise NasError("the labels of X-rays are all known", key="training.relabel")
    augment = AUGMENT if training.augment is None else image_augment(training)
    return training.model_copy(update={"loss": loss, "augment": augment})
