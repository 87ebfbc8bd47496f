"""Feature maps of other libraries' networks before their pooling, for a head of our own."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blocks import Shape
from nas.errors import NasError, did_you_mean
from nas.model.reference import factory_network, parse_reference, timm_network, torchvision_network
from nas.model.weights_file import with_channels

_CHAINS = (
    "AlexNet",
    "ConvNeXt",
    "DenseNet",
    "EfficientNet",
    "MNASNet",
    "MobileNetV2",
    "MobileNetV3",
    "RegNet",
    "ResNet",
    "ShuffleNetV2",
    "SqueezeNet",
    "SwinTransformer",
    "VGG",
)
"""Families of torchvision whose networks are sequential up to the pooling."""
_HEADS = ("avgpool", "fc", "classifier", "head")


def load_features(
    model: str, channels: int = 3, *, pretrained: bool = False, weights: Path | None = None
) -> nn.Module:
    """From `(N, C, H, W)` to the `(N, F, h, w)` that the named network would pool.

    Args:
        model: As `load_reference` takes it. `timm:NAME@PART` ends behind that part, as
            `timm:efficientnet_b0@blocks` does before the last convolution. A factory's network must
            return the map itself.
        channels: C. Where the library made it for 3, the first convolution's weights are summed, or
            shared out, so that one plane gives what three copies of it gave.
        pretrained: Load the library's published weights.
        weights: Load those of this file, which has the library's names, in their place.

    Raises NasError where `load_reference` does, and for a network without such a map.
    """
    source, name = parse_reference(model)
    if source == "torchvision":
        return torchvision_features(name, channels, pretrained=pretrained, weights=weights)
    if source == "timm":
        return _timm_features(name, channels, pretrained, weights)
    return factory_network(source, name, None, pretrained=pretrained, weights=weights)


def shapes_only(features: nn.Module) -> nn.Module:
    """A copy in evaluation mode on the meta device: its outputs have shapes, and no values."""
    return deepcopy(features).to("meta").eval()


def feature_shape(shapes: nn.Module, input_shape: Shape) -> Shape:
    """`(F, h, w)` of the map for an input `(C, H, W)`, of what `shapes_only` gave.

    Raises NasError for what is no map, and for an input that the network can't take.
    """
    out = output_of(shapes, input_shape)
    if not isinstance(out, Tensor) or out.dim() != 4:
        given = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise NasError(f"needed is a feature map (N, C, H, W) before any pooling, not {given}")
    return tuple(out.shape[1:])


def output_of(shapes: nn.Module, input_shape: Shape) -> Any:
    """What features that `shapes_only` gave put out for one input, without values.

    Raises NasError for an input that they can't take.
    """
    try:
        with torch.no_grad():
            return shapes(torch.empty((1, *input_shape), device="meta"))
    except (
        Exception,
        SystemExit,
    ) as error:  # of another library's or the user's own code
        size = "x".join(map(str, input_shape))
        reason = str(error).split("\n")[0] or type(error).__name__
        raise NasError(f"its features can't run on an input of {size}: {reason}") from error


def _timm_features(name: str, channels: int, pretrained: bool, weights: Path | None) -> nn.Module:
    name, _, last = name.partition("@")
    options = {"num_classes": 0, "global_pool": "", "in_chans": channels}
    network = timm_network(name, options, pretrained=pretrained, weights=weights)
    return _cut_behind(network, last) if last else network


def _cut_behind(network: nn.Module, last: str) -> nn.Module:
    """The network, in place, with all parts after the named one replaced by nothing."""
    parts = [part for part, _ in network.named_children()]
    if last not in parts:
        raise NasError(f"{type(network).__name__} has no part {last!r}{did_you_mean(last, parts)}")
    for part in parts[parts.index(last) + 1 :]:
        setattr(network, part, nn.Identity())
    return network


def torchvision_features(
    name: str, channels: int, *, pretrained: bool, weights: Path | None = None
) -> nn.Sequential:
    """The parts of a torchvision classifier up to its pooling; raises as `load_features` does."""
    network = torchvision_network(name, None, pretrained=pretrained, weights=weights)
    family = type(network).__name__
    if family not in _CHAINS:
        known = ", ".join(sorted(_CHAINS))
        raise NasError(
            f"torchvision's {family} can't be cut before its pooling; these can: {known}"
        )
    features = nn.Sequential()
    for part, module in network.named_children():
        if part in _HEADS:
            break
        features.add_module(part, module)
    if family == "DenseNet":  # its forward has the activation that its parts lack
        features.add_module("relu", nn.ReLU())
    _fit_channels(features, channels)
    return features


def _fit_channels(features: nn.Module, channels: int) -> None:
    """Make the first convolution take `channels`, in place."""
    first = next(part for part in features.modules() if isinstance(part, nn.Conv2d))
    if first.in_channels == channels:
        return
    first.in_channels = channels
    first.weight = nn.Parameter(with_channels(first.weight.detach(), channels))
