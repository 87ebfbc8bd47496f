"""The row form `[repeat, name, args]` that the tools before this one wrote, read and written."""

from dataclasses import replace
from math import ceil
from typing import Annotated, Any

from pydantic import Field

from blocks import BlockConfig
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec, Side
from nas.spec.frozen import Frozen
from nas.spec.layers import LayerSpec, block_class, parse_config, parse_repeat
from nas.spec.load import Document, flow, show, validate

WIDTH_DIVISOR = 8


class RowFile(Frozen):
    """The keys of a file in row form."""

    input_channel: Annotated[int, Field(strict=True, ge=1, le=4_096)] = 3
    input_size: tuple[Side, Side] | Side | None = None
    """`[height, width]` in pixels."""
    depth_multiple: Annotated[float, Field(gt=0, le=64, allow_inf_nan=False)] = 1.0
    """Multiplies the repeats that are more than 1."""
    width_multiple: Annotated[float, Field(gt=0, le=64, allow_inf_nan=False)] = 1.0
    """Multiplies the widths, which are then rounded up to multiples of 8."""
    backbone: list[Any]


def architecture_from_rows(
    document: Document, input_size: tuple[int, int] | None
) -> ArchitectureSpec:
    """The architecture in row form; what rounding changed stands in `provenance.rounded`."""
    header = validate(RowFile, document)
    if not header.backbone:
        raise document.error(("backbone",), "needs at least one row [repeat, name, args]")
    layers: list[LayerSpec] = []
    rounded: list[str] = []
    for index, row in enumerate(header.backbone):
        layer = _parse_row(document, index, row)
        scaled = _scaled(layer, header.depth_multiple, header.width_multiple)
        rounded += _changes(index, layer, scaled)
        layers.append(scaled)
    architecture = ArchitectureSpec(
        name=document.path.stem,
        input=_input(document, header, input_size),
        layers=tuple(layers),
        head="none",
        provenance={"rounded": list(rounded)} if rounded else {},
    )
    try:
        outputs = architecture.feature_shape()[0]
    except NasError:
        return architecture  # the caller follows the shapes again and names the row
    return replace(architecture, classes=tuple(str(index) for index in range(outputs)))


def _input(document: Document, header: RowFile, given: tuple[int, int] | None) -> InputSpec:
    size = given or header.input_size
    if size is None:
        raise document.error(
            ("input_size",), "this key is missing: write [height, width] here, or give --input"
        )
    height, width = (size, size) if isinstance(size, int) else size
    return InputSpec(channels=header.input_channel, height=height, width=width)


def _parse_row(document: Document, index: int, row: Any) -> LayerSpec:
    key = ("backbone", index)
    if not isinstance(row, list) or len(row) != 3:
        raise document.error(key, f"a row is [repeat, name, args], not {show(row)}")
    repeat, block, arguments = row
    config = block_class(document, (*key, 1), block)
    names = config.row_arguments
    if not isinstance(arguments, list) or len(arguments) > len(names):
        wanted = f"[{', '.join(names)}]"
        raise document.error(
            (*key, 2), f"{block} takes the arguments {wanted}, not {show(arguments)}"
        )
    settings = dict(zip(names, arguments, strict=False))
    return LayerSpec(
        _parse_settings(document, key, block, settings), parse_repeat(document, (*key, 0), repeat)
    )


def _parse_settings(
    document: Document, key: tuple[str | int, ...], block: str, settings: dict[str, Any]
) -> BlockConfig:
    """As `parse_config`, pointing at the row, whose arguments have no keys."""
    try:
        return parse_config(document, key, block, settings)
    except NasError as error:
        argument = (error.key or "").rpartition(".")[2]
        name = f"{argument} " if argument in settings else ""
        raise document.error(key, f"{block} {name}{error.problem}") from error


def _scaled(layer: LayerSpec, depth_multiple: float, width_multiple: float) -> LayerSpec:
    """The layer at that depth and width: the only place where widths are rounded."""
    config, repeat = layer.config, layer.repeat
    if repeat > 1:
        repeat = max(round(repeat * depth_multiple), 1)
    if "out" in type(config).model_fields and not config.fixed_width:
        out = ceil(getattr(config, "out") * width_multiple / WIDTH_DIVISOR) * WIDTH_DIVISOR
        config = type(config).model_validate(config.model_dump() | {"out": out})
    return LayerSpec(config, repeat, layer.name)


def _changes(index: int, before: LayerSpec, after: LayerSpec) -> list[str]:
    """What scaling and rounding changed in one row, in words."""
    changes: list[str] = []
    if before.repeat != after.repeat:
        changes.append(
            f"backbone[{index}] {after.config.name}: repeat {before.repeat} -> {after.repeat}"
        )
    widths = getattr(before.config, "out", None), getattr(after.config, "out", None)
    if widths[0] != widths[1]:
        changes.append(f"backbone[{index}] {after.config.name}: out {widths[0]} -> {widths[1]}")
    return changes


def dump_rows(architecture: ArchitectureSpec) -> str:
    """The same network in row form; the head is written as rows. Raises NasError where a row can't say it."""
    if architecture.model is not None:
        raise NasError(f"{architecture.model} has no layers to write as rows")
    rows = []
    for layer in (*architecture.layers, *architecture.head_layers()):
        values = [getattr(layer.config, name) for name in layer.config.row_arguments]
        rows.append([layer.repeat, _row_name(layer.config), values])
    size = architecture.input
    lines = [f"input_channel: {size.channels}", f"input_size: [{size.height}, {size.width}]"]
    lines += ["depth_multiple: 1.0", "width_multiple: 1.0", "backbone:"]
    lines += [f"  - {flow(row)}" for row in rows]
    return "\n".join(lines) + "\n"


def _row_name(config: BlockConfig) -> str:
    """The block's name in a row; a Conv of a width that reading would round is written as a FixedConv.

    Raises NasError for the width of another block, which nothing keeps.
    """
    out = getattr(config, "out", None)
    if out is None or config.fixed_width or out % WIDTH_DIVISOR == 0:
        return config.name
    if config.name == "Conv":
        return "FixedConv"
    raise NasError(
        f"{config.name} has {out} channels out, which rows would round to a multiple of {WIDTH_DIVISOR}"
    )
