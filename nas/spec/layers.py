"""Layers as they are written, and the walk that places strides and propagates shapes.

Both are done only here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from torch import nn

from blocks import BLOCKS, NECKS, BlockConfig, BlockRegistry, Identity, Shape
from nas.errors import NasError, did_you_mean
from nas.spec.load import Document, KeyPath, format_key, show
from nas.spec.validate import explain

MAX_REPEAT = 1_000
MAX_BLOCKS = 5_000
"""Blocks of one network, repeats counted."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
_TAKEN = frozenset(dir(nn.Sequential()))
CLASSES = "classes"
"""As the value of `out`, stands for the number of classes."""


@dataclass(frozen=True)
class LayerSpec:
    """A block, how often it is repeated, and its name."""

    config: BlockConfig
    repeat: int = 1
    name: str | None = None

    def label(self, index: int) -> str:
        """Its name; without one, `layer3` for the fourth layer."""
        return self.name or f"layer{index}"

    def copies(self) -> tuple[BlockConfig, ...]:
        """One config a copy: the stride is on the first, the others have stride 1."""
        return (self.config, *((unstrided(self.config),) * (self.repeat - 1)))


def unstrided(config: BlockConfig) -> BlockConfig:
    """The same block at stride 1."""
    if getattr(config, "stride", 1) == 1:
        return config
    return config.model_copy(update={"stride": 1})


@dataclass(frozen=True)
class Step:
    """One block of the network with its input and output shapes."""

    name: str
    layer: int
    """Index of the written layer that it comes from."""
    config: BlockConfig
    in_shape: Shape
    out_shape: Shape

    @property
    def identity(self) -> Identity:
        """Equal for two steps that compute the same on inputs of the same shape."""
        return self.config.identity(self.in_shape)


def walk(layers: Iterable[LayerSpec], in_shape: Shape) -> tuple[Step, ...]:
    """The blocks of the network in order, with their shapes.

    Raises NasError with the key of the layer that can't take its input.
    """
    steps: list[Step] = []
    for index, layer in enumerate(layers):
        labels = copy_labels(layer.label(index), layer.repeat)
        for label, config in zip(labels, layer.copies(), strict=True):
            try:
                out_shape = config.output_shape(in_shape)
            except ValueError as error:
                raise NasError(f"{config.name}: {error}", key=f"layers[{index}]") from error
            steps.append(Step(label, index, config, in_shape, out_shape))
            in_shape = out_shape
    return tuple(steps)


def copy_labels(label: str, repeat: int) -> tuple[str, ...]:
    """Names of the blocks of one layer: `m2`, or `m2_0`, `m2_1` and so on where it is repeated."""
    return (label,) if repeat == 1 else tuple(f"{label}_{copy}" for copy in range(repeat))


def parse_layer(
    document: Document, key: KeyPath, data: Any, classes: int, registry: BlockRegistry = BLOCKS
) -> LayerSpec:
    """The layer written at `key` as `{block, name?, repeat?, ...settings of the block}`."""
    if not isinstance(data, dict):
        raise document.error(
            key, f"a layer is a mapping such as {{block: Conv, out: 24}}, not {show(data)}"
        )
    settings = dict(data)
    if "block" not in settings:
        raise document.error((*key, "block"), f"this key is missing{did_you_mean('', registry)}")
    block = settings.pop("block")
    name = parse_name(document, (*key, "name"), settings.pop("name", None))
    repeat = parse_repeat(document, (*key, "repeat"), settings.pop("repeat", 1))
    if settings.get("out") == CLASSES:
        settings["out"] = classes
    return LayerSpec(parse_config(document, key, block, settings, registry), repeat, name)


def block_class(
    document: Document, key: KeyPath, block: Any, registry: BlockRegistry = BLOCKS
) -> type[BlockConfig]:
    """The config class of the block, or neck, named at `key`."""
    if not isinstance(block, str):
        raise document.error(key, f"needs the name of a block, not {show(block)}")
    if block not in registry:
        hint = did_you_mean(block, registry)
        if block in NECKS or block in BLOCKS:
            hint = f"; {block} is a {'neck' if block in NECKS else 'layer'}{hint}"
        raise document.error(key, f"no {_kind(registry)} {show(block)}{hint}")
    return registry[block]


def _kind(registry: BlockRegistry) -> str:
    return "neck" if registry is NECKS else "block"


def parse_config(
    document: Document,
    key: KeyPath,
    block: Any,
    settings: dict[str, Any],
    registry: BlockRegistry = BLOCKS,
) -> BlockConfig:
    """The block's settings, checked. `key` is where the layer stands."""
    config = block_class(document, (*key, "block"), block, registry)
    try:
        return config.model_validate(settings)
    except ValidationError as error:
        raise explain(error, config, document, key) from error


def parse_name(document: Document, key: KeyPath, name: Any) -> str | None:
    """The layer's name, which becomes a part of parameter paths and the name of a module."""
    if name is None:
        return None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problem = f"{show(name)} is not allowed: up to 60 letters, digits, _ and - make a name"
        raise document.error(key, f"{problem}, in quotes where YAML would read a number")
    if name in _TAKEN:
        raise document.error(key, f"{show(name)} is not allowed: modules of PyTorch use that name")
    return name


def parse_repeat(document: Document, key: KeyPath, repeat: Any) -> int:
    """How many copies in all."""
    if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= MAX_REPEAT:
        raise document.error(
            key, f"{show(repeat)} is not allowed: a whole number from 1 to {MAX_REPEAT}"
        )
    return repeat


def check_layers(document: Document, form: str, layers: Iterable[LayerSpec]) -> None:
    """Raises NasError for too many blocks, or two of one name. `form` is the key of the layers."""
    check_blocks(
        document, [((form, i), layer.label(i), layer.repeat) for i, layer in enumerate(layers)]
    )


def check_blocks(document: Document, layers: Iterable[tuple[KeyPath, str, int]]) -> None:
    """As `check_layers`, of `(key, label, repeat)`; a block may be named after its layer, too."""
    holders: dict[str, KeyPath] = {}
    blocks = 0
    for key, label, repeat in layers:
        blocks += repeat
        if blocks > MAX_BLOCKS:
            raise document.error(key, f"more than {MAX_BLOCKS} blocks, repeats counted")
        for name in {label, *copy_labels(label, repeat)}:
            if name in holders:
                problem = f"its block {name!r} would be named as one of {format_key(holders[name])}"
                raise document.error((*key, "name"), problem)
            holders[name] = key
