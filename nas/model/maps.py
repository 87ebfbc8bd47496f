"""The feature maps of another library's network at the strides 8, 16 and 32, for a detector."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blocks import STRIDES, Shape, pyramid_shape
from nas.errors import NasError
from nas.model.features import output_of, shapes_only, torchvision_features
from nas.model.reference import factory_network, parse_reference, timm_network
from nas.spec.pyramid import map_sizes, out_indices


class MapsSequential(nn.Sequential):
    """A sequence that returns the outputs of some of its modules: maps for a neck, finest first."""

    def __init__(self, modules: OrderedDict[str, nn.Module], out_indices: Sequence[int]) -> None:
        super().__init__(modules)
        self.out_indices = frozenset(out_indices)
        """Positions of these modules."""

    def forward(self, x_NCHW: Tensor) -> list[Tensor]:
        maps = []
        for index, module in enumerate(self):
            x_NCHW = module(x_NCHW)
            if index in self.out_indices:
                maps.append(x_NCHW)
        return maps


PROBE = 256
"""Input side with which the strides of a network's parts are measured."""


def load_maps(
    model: str, channels: int = 3, *, pretrained: bool = False, weights: Path | None = None
) -> nn.Module:
    """From `(N, C, H, W)` to a list of the maps `(N, F, h, w)` at the strides 8, 16 and 32.

    Args:
        model: As `load_reference` takes it. A factory's network must return the maps itself.
        channels: C; see `load_features`.
        pretrained: Load the library's published weights.
        weights: Load those of this file, which has the library's names, in their place.

    Raises NasError where `load_reference` does, and for a network without such maps.
    """
    source, name = parse_reference(model)
    if source == "torchvision":
        return _torchvision_maps(name, channels, pretrained, weights)
    if source == "timm":
        return _timm_maps(name, channels, pretrained, weights)
    return factory_network(source, name, None, pretrained=pretrained, weights=weights)


def maps_shape(shapes: nn.Module, input_shape: Shape) -> Shape:
    """The shape of the maps together for an input `(C, H, W)`, of what `shapes_only` gave.

    Raises NasError for what is no such maps, and for an input that the network can't take.
    """
    out = output_of(shapes, input_shape)
    maps = [tuple(part.shape) for part in out] if isinstance(out, list | tuple) else []
    sizes = map_sizes(input_shape)
    if [shape[2:] for shape in maps] != list(sizes):
        given = ", ".join("x".join(map(str, shape)) for shape in maps) or type(out).__name__
        raise NasError(
            f"a detector needs a list of maps (N, C, H, W) of {sizes[0]}, {sizes[1]} and "
            f"{sizes[2]} pixels, but its features give {given}"
        )
    return pyramid_shape(shape[1:] for shape in maps)


def _timm_maps(name: str, channels: int, pretrained: bool, weights: Path | None) -> nn.Module:
    options: dict[str, Any] = {"features_only": True, "in_chans": channels}
    with torch.device("meta"):
        info: Any = timm_network(name, options, pretrained=False).feature_info
    reductions = info.reduction()
    missing = [stride for stride in STRIDES if stride not in reductions]
    if missing:
        raise NasError(f"timm's {name} has no features at the strides {missing}: {reductions}")
    chosen = tuple(info.out_indices[reductions.index(s)] for s in STRIDES)
    options["out_indices"] = chosen
    if weights is not None:  # timm drops what comes behind the maps: the file is checked as a whole
        timm_network(name, {}, pretrained=False, weights=weights)
        options["pretrained_cfg_overlay"] = {"file": str(weights)}
    return timm_network(name, options, pretrained=pretrained or weights is not None)


def _torchvision_maps(
    name: str, channels: int, pretrained: bool, weights: Path | None
) -> nn.Module:
    features = torchvision_features(name, channels, pretrained=pretrained, weights=weights)
    parts = OrderedDict(_unrolled(features))
    shapes, x = [], torch.empty((1, channels, PROBE, PROBE), device="meta")
    for part in parts.values():
        with torch.no_grad():
            x = shapes_only(part)(x)
        shapes.append(tuple(x.shape[1:]))
    try:
        return MapsSequential(parts, out_indices(shapes, (channels, PROBE, PROBE)))
    except NasError as error:
        raise NasError(f"torchvision's {name}: {error.problem}", key="model") from error


def _unrolled(module: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The parts of a chain, those of plain chains within it in their place."""
    for name, part in module.named_children():
        path = f"{prefix}{name}"
        if type(part) is nn.Sequential:
            yield from _unrolled(part, f"{path}_")
        else:
            yield path, part
