"""The row form `[repeat, name, args]` that the tools before this one wrote, read and written."""

from dataclasses import replace
from math import ceil
from typing import Annotated, Any

from pydantic import Field, ValidationError

from blocks import BlockConfig
from nas.errors import NasError
from nas.spec.definition import MAX_CLASSES, ArchitectureSpec, InputSpec, Side
from nas.spec.layers import (
    MAX_REPEAT,
    LayerSpec,
    block_class,
    check_layers,
    parse_repeat,
)
from nas.spec.load import Document, KeyPath, show
from nas.spec.provenance import Provenance
from nas.spec.validate import Frozen, explain, name_of, validate
from nas.spec.yaml_text import flow

WIDTH_DIVISOR = 8


class RowFile(Frozen):
    """The keys of a file in row form."""

    input_channel: Annotated[int, Field(strict=True, ge=1, le=4_096)] = 3
    input_size: tuple[Side, Side] | Side | None = None
    """`[height, width]` in pixels."""
    depth_multiple: Annotated[float, Field(strict=True, gt=0, le=64, allow_inf_nan=False)] = 1.0
    """Multiplies the repeats that are more than 1."""
    width_multiple: Annotated[float, Field(strict=True, gt=0, le=64, allow_inf_nan=False)] = 1.0
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
        scaled = _scaled(document, index, layer, header)
        rounded += _changes(index, layer, scaled)
        layers.append(scaled)
    architecture = ArchitectureSpec(
        name=name_of(document, ""),
        input=_input(document, header, input_size),
        layers=tuple(layers),
        head="none",
        provenance=Provenance(rounded=list(rounded)) if rounded else Provenance(),
    )
    check_layers(document, "backbone", layers)
    try:
        outputs, *sides = architecture.feature_shape()
    except NasError:
        return architecture  # the caller follows the shapes again and names the row
    if outputs > MAX_CLASSES:
        problem = f"the rows end in {outputs} outputs; at most {MAX_CLASSES} classes are allowed"
        raise document.error(("backbone", len(layers) - 1), problem)
    if any(side != 1 for side in sides):
        came = "x".join(map(str, architecture.feature_shape()))
        problem = f"the rows must end in one number a class, Nx1x1, but they end in {came}"
        raise document.error(("backbone", len(layers) - 1), problem)
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
    copies = parse_repeat(document, (*key, 0), repeat)
    return LayerSpec(_parse_settings(document, key, config, settings), copies)


def _parse_settings(
    document: Document, key: KeyPath, config: type[BlockConfig], settings: dict[str, Any]
) -> BlockConfig:
    """The block of a row; errors point at the row and name the argument, which has no key."""
    try:
        return config.model_validate(settings)
    except ValidationError as error:
        problem = explain(error, config, document, key).problem
        place = error.errors(include_url=False)[0]["loc"]
        name = f"{config.name} {place[0]}" if place else config.name
        raise document.error(key, f"{name}: {problem}") from error


def _scaled(document: Document, index: int, layer: LayerSpec, header: RowFile) -> LayerSpec:
    """The layer at the file's depth and width: the only place where widths are rounded."""
    repeat = layer.repeat
    if repeat > 1:
        repeat = max(round(repeat * header.depth_multiple), 1)
    if repeat > MAX_REPEAT:
        problem = f"depth_multiple makes {repeat} copies of it; at most {MAX_REPEAT} are allowed"
        raise document.error(("backbone", index), problem)
    config = layer.config
    if config.fixed_width or getattr(config, "out", None) is None:
        return LayerSpec(config, repeat)
    settings = config.model_dump()
    settings["out"] = ceil(settings["out"] * header.width_multiple / WIDTH_DIVISOR) * WIDTH_DIVISOR
    try:
        return LayerSpec(type(config).model_validate(settings), repeat)
    except ValidationError as error:
        raise explain(error, type(config), document, ("backbone", index)) from error


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
    """The same network in row form, its head written as rows too.

    Rows say what is computed and nothing else: not the task, the classes' names or the
    preprocessing; reading them back gives the task `image`. Raises NasError where a row can't say
    it.
    """
    if architecture.model is not None:
        raise NasError(f"{architecture.model} has no layers to write as rows")
    if architecture.keeps_time or architecture.detects:
        raise NasError(f"rows have no place for head: {architecture.head}", key="head")
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
    """The block's name in a row; a Conv whose width reading would round becomes a FixedConv.

    Raises NasError for the width of another block, which nothing keeps, and for a setting that the
    block's rows have no place for.
    """
    out = getattr(config, "out", None)
    for field, info in type(config).model_fields.items():
        if field not in config.row_arguments and getattr(config, field) != info.default:
            raise NasError(f"a row of {config.name} has no place for {field}")
    if out is None or config.fixed_width or out % WIDTH_DIVISOR == 0:
        return config.name
    if config.name == "Conv":
        return "FixedConv"
    problem = f"{config.name} has {out} output channels, which rows would round to a multiple of"
    raise NasError(f"{problem} {WIDTH_DIVISOR}")
