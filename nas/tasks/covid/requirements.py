"""Requirements of the X-ray tasks on a network, and on every member of a space."""

from collections.abc import Collection

from nas.data.augment import AugmentSpec
from nas.data.decode import check_channels
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.errors import NasError
from nas.model.requirements import check_maps, check_space_maps
from nas.spec.definition import DETECTION_HEAD, ArchitectureSpec
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.covid.detection_loss import DetectionLossSpec
from nas.tasks.image.losses import LossSpec
from nas.tasks.image.requirements import (
    at_key,
    check_head,
    check_normalisation,
    check_pictures,
    image_augment,
    image_loss,
)


def xray_preprocess(
    preprocess: Preprocess | None, allowed: Collection[XrayLabels], task: str
) -> XrayPreprocess:
    """The settings of X-rays, the defaults for None. Raises NasError for others'."""
    if preprocess is None:
        return XrayPreprocess()
    if not isinstance(preprocess, XrayPreprocess):
        problem = f"{preprocess.kind!r} is not allowed: the {task} task has kind: xray"
        raise NasError(problem, key="preprocess.kind")
    if preprocess.labels is not None and preprocess.labels not in allowed:
        words = f"the {task} task has {' or '.join(allowed)}"
        problem = f"{preprocess.labels!r} is not allowed: {words}"
        raise NasError(problem, key="preprocess.labels")
    return preprocess


def check_detector(architecture: ArchitectureSpec, task: str) -> None:
    """Raises NasError for a network that can't tell where opacities are.

    That is one of ours, or another library's features, with `head: detection`; or with `head: none`
    a whole detector (see `nas.tasks.covid.detections`).
    """
    check_channels(architecture.input.channels)
    check_normalisation(architecture)
    if architecture.model is not None and architecture.head == "none":
        return
    check_head(architecture.head, (DETECTION_HEAD,), task)
    check_maps(architecture)


def check_detector_space(space: SpaceSpec) -> str:
    """What every member has, in words. Raises NasError, with the line, if a member lacks it."""
    check_pictures(space)
    at_key(space, "head", lambda: check_head(space.head, (DETECTION_HEAD,), space.task))
    check_space_maps(space)
    return "maps at the strides 8, 16 and 32: every member has them for its neck"


def check_space_preprocess(space: SpaceSpec, allowed: Collection[XrayLabels]) -> None:
    """Raises NasError, with the line, for preprocessing that is not the task's."""
    try:
        xray_preprocess(space.preprocess, allowed, space.task)
    except NasError as error:
        raise space.document.error(tuple((error.key or "").split(".")), error.problem) from error


AUGMENT = AugmentSpec(crop_padding=0.05, zoom=0.15, colour=0.2)
"""Radiographs differ in exposure and distance, but have an upright position."""


def resolved_for_studies(training: TrainingSpec) -> TrainingSpec:
    """The settings with a classifier's loss and an augmentation. Raises NasError for others."""
    return _resolved(training, image_loss(training))


def resolved_for_boxes(training: TrainingSpec) -> TrainingSpec:
    """The settings with a detector's loss and an augmentation. Raises NasError for others."""
    return _resolved(training, box_loss(training))


def box_loss(training: TrainingSpec) -> DetectionLossSpec:
    """The settings' loss, the default for none. Raises NasError for one of no detector."""
    loss = training.loss or DetectionLossSpec()
    if not isinstance(loss, DetectionLossSpec):
        raise NasError(
            f"{loss.kind!r} is not allowed: a detector has the kind dense_boxes",
            key="training.loss.kind",
        )
    return loss


def _resolved(training: TrainingSpec, loss: LossSpec | DetectionLossSpec) -> TrainingSpec:
    if training.pseudo_labelling is not None:
        raise NasError("the labels of X-rays are all known", key="training.pseudo_labelling")
    augment = AUGMENT if training.augment is None else image_augment(training)
    return training.model_copy(update={"loss": loss, "augment": augment})
