"""Number and stride of the time steps that a network keeps. Time runs along the width."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from blocks import Shape
from nas.errors import NasError
from nas.model.features import feature_shape, load_features, shapes_only
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import walk

CHECKED_STEPS = 8

StepsOf = Callable[[int], int]
"""Time steps of the features by number of input frames."""


def time_steps(architecture: ArchitectureSpec) -> int:
    """Time steps of the features that the head sees, for the architecture's own input.

    Raises NasError for features that are no map, and for a `model` that can't be built.
    """
    return _steps_of(architecture)(architecture.input.width)


def time_stride(architecture: ArchitectureSpec) -> int:
    """Frames from one time step to the next.

    It is measured: an input that is so many frames longer has so many steps more. No weight is
    needed, and another library's network (`model:`) serves as well as layers.

    Raises NasError as `time_steps`, and for a network without a stride of whole frames.
    """
    return _stride(_steps_of(architecture), architecture.input.width)


def feature_stride(shapes: nn.Module, input_shape: Shape) -> int:
    """As `time_stride`, of features that `shapes_only` gave, for inputs `(C, H, W)`."""
    return _stride(_feature_steps(shapes, input_shape), input_shape[2])


def _stride(steps_of: StepsOf, frames: int) -> int:
    steps = steps_of(frames)
    roughly = -(-frames // steps)
    # long enough that the remainder at the edges, less than one step, does not matter
    longer = 64 * roughly**2
    try:
        more = steps_of(frames + longer) - steps
        stride = round(longer / more) if more > 0 else 0
        checked = steps_of(frames + CHECKED_STEPS * stride) - steps
    except NasError as error:
        problem = "the frames of one time step can't be measured on longer inputs"
        raise NasError(f"{problem}: {error.problem}", key=error.key) from error
    if not stride or checked != CHECKED_STEPS:
        problem = f"its features, {steps} steps over {frames} frames, do not follow the time"
        raise NasError(f"{problem}: {more} steps more over {longer} frames more", key="layers")
    return stride


def _steps_of(architecture: ArchitectureSpec) -> StepsOf:
    if architecture.model is None:
        return partial(_layer_steps, architecture)
    with torch.device("meta"):
        features = load_features(architecture.model, architecture.input.channels)
    return _feature_steps(shapes_only(features), architecture.input.shape)


def _feature_steps(shapes: nn.Module, input_shape: Shape) -> StepsOf:
    channels, height, _ = input_shape
    return lambda frames: _along(feature_shape(shapes, (channels, height, frames)))


def _layer_steps(architecture: ArchitectureSpec, frames: int) -> int:
    channels, height, _ = shape = architecture.input.shape
    steps = walk(architecture.layers, (channels, height, frames))
    return _along(steps[-1].out_shape if steps else shape)


def _along(features: Shape) -> int:
    if len(features) != 3:
        problem = f"the layers end in a vector of {features[0]}, which has no time steps"
        raise NasError(f"{problem}: a head over time needs a feature map", key="layers")
    return features[2]
