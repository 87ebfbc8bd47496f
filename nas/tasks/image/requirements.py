"""What a classifier of pictures must be, and its own loss and augmentation where none is named."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from math import prod

from nas.data.augment import AugmentSpec
from nas.data.decode import check_channels
from nas.data.preprocess import PixelPreprocess
from nas.data.sampler import DEFAULT_SAMPLER
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, Head
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import RecipeChoice
from nas.tasks.image.losses import LossSpec

LOPSIDED = 8.0
"""Training pictures of the largest class by those of the smallest, from which on all classes are
drawn equally often."""
CLASSIFIER_HEADS: tuple[Head, ...] = ("linear", "none")


def check_classifier(architecture: ArchitectureSpec, task: str) -> None:
    """Raises NasError unless the network takes pictures and ends in one logit per class."""
    check_channels(architecture.input.channels)
    check_normalisation(architecture)
    check_head(architecture.head, CLASSIFIER_HEADS, task)
    if architecture.model is not None or architecture.head == "linear":
        return  # both end in len(classes) outputs by construction
    shape, classes = architecture.feature_shape(), len(architecture.classes)
    if prod(shape) != classes or shape[0] != classes:
        raise NasError(
            f"the {task} task needs one logit a class, {classes} in all, but with head: none "
            f"the layers end in {' x '.join(map(str, shape))}; end them so, or write "
            "head: linear",
            key="layers",
        )


def check_classifier_space(space: SpaceSpec, task: str) -> str:
    """What every member has, in words. Raises NasError, with the line, if a member lacks it."""
    check_pictures(space)
    at_key(space, "head", lambda: check_head(space.head, CLASSIFIER_HEADS, task))
    # That members without a head end in the classes was checked when the file was read.
    if space.head == "none":
        return f"one logit a class: every member ends in {len(space.classes)} outputs"
    return "one logit a class: every member gets a linear head"


def check_pictures(space: SpaceSpec) -> None:
    """Raises NasError, with the line, where a member's input has channels that no picture has."""
    for channels in sorted({shape[0] for shape in space.input.shapes()}):
        at_key(space, "input.channels", partial(check_channels, channels))


def check_head(head: Head, allowed: Collection[Head], task: str) -> None:
    """Raises NasError for a head that the task has no use for."""
    if head not in allowed:
        raise NasError(
            f"{head} is no head of the {task} task; allowed: {', '.join(allowed)}", key="head"
        )


def check_normalisation(architecture: ArchitectureSpec) -> None:
    """Raise NasError unless mean and std have a value a channel, or one for all."""
    preprocess, channels = architecture.preprocess, architecture.input.channels
    if not isinstance(preprocess, PixelPreprocess):
        return
    for name in ("mean", "std"):
        values = getattr(preprocess, name)
        if len(values) != channels and len(set(values)) != 1:
            raise NasError(
                f"{len(values)} values for {channels} channels", key=f"preprocess.{name}"
            )


def at_key(space: SpaceSpec, key: str, check: Callable[[], object]) -> None:
    """Run a check; its NasError gets the file and the line of the key."""
    try:
        check()
    except NasError as error:
        raise space.document.error(tuple(key.split(".")), error.problem) from error


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


def image_recipe(class_counts: Sequence[int]) -> RecipeChoice:
    """The sampler for so many training pictures of each class."""
    largest, smallest = max(class_counts), min(class_counts)
    seen = f"{smallest} to {largest} training pictures a class"
    if largest >= LOPSIDED * smallest:
        return RecipeChoice({"sampler": "inverse"}, f"{seen} are {LOPSIDED:g} to 1 or more")
    return RecipeChoice({"sampler": DEFAULT_SAMPLER}, f"{seen} are less than {LOPSIDED:g} to 1")


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
