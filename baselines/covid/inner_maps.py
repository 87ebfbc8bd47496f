"""The feature maps inside a network of timm, beside its outputs."""

from typing import Any

from torch import Tensor, nn

STRIDES = (8, 16, 32)
"""Of the maps that a student's are held against a teacher's: the last three that networks have."""


def logits_and_maps(network: nn.Module, x_NCHW: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What `network(x_NCHW)` gives, and its maps at `STRIDES`, in that order.

    Raises ValueError for a network that has none, or none such.
    """
    places = map_places(network)
    timm_network: Any = network
    features, maps = timm_network.forward_intermediates(x_NCHW, indices=places)
    return timm_network.forward_head(features), tuple(maps)


def inner_maps(network: nn.Module, x_NCHW: Tensor) -> tuple[Tensor, ...]:
    """The maps of `logits_and_maps` alone."""
    places = map_places(network)
    timm_network: Any = network
    return tuple(timm_network.forward_intermediates(x_NCHW, places, intermediates_only=True))


def map_places(network: nn.Module) -> list[int]:
    """Which of the maps that timm counts are at `STRIDES`."""
    known = getattr(network, "feature_info", None)
    if not known or not hasattr(network, "forward_intermediates"):
        raise ValueError(f"a {type(network).__name__} shows no maps")
    strides = [item["reduction"] for item in known]
    missing = [stride for stride in STRIDES if stride not in strides]
    if missing:
        raise ValueError(f"a {type(network).__name__} has no map at the strides {missing}")
    return [strides.index(stride) for stride in STRIDES]
