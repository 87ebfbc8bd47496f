"""Requirements of a classifier of pictures, for a network or every member of a space."""

from collections.abc import Callable, Collection
from functools import partial
from math import prod

from nas.data.decode import check_channels
from nas.data.preprocess import PixelPreprocess
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, Head
from nas.spec.space import SpaceSpec

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
