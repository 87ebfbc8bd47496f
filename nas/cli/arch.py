"""`nas arch`: look at an architecture file, and convert it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli.input_shape import load_architecture_at
from nas.errors import NasError
from nas.text_table import aligned

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec


@click.group("arch")
def arch() -> None:
    """Look at architecture files, and convert them."""


@arch.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--input", "input_size", metavar="CxHxW", help="Input size, not the file's own.")
@click.option("--rows", is_flag=True, help="Print the network as rows [repeat, name, args].")
@click.option("--named", is_flag=True, help="Print the named form, defaults written out.")
def show(file: Path, input_size: str | None, rows: bool, named: bool) -> None:
    """Each layer with what comes in, what goes out, its parameters and MACs."""
    from nas.spec.architecture import dump_architecture
    from nas.spec.rows import dump_rows

    if rows and named:
        raise NasError("give --rows or --named, one of them")
    architecture = load_architecture_at(file, input_size)
    if rows:
        click.echo(dump_rows(architecture), nl=False)
    elif named:
        click.echo(dump_architecture(architecture), nl=False)
    else:
        click.echo("\n".join(_table(architecture)))


@arch.command("blocks")
def blocks() -> None:
    """Every block, and every neck of a detector, with its settings and where it comes from."""
    from blocks import BLOCKS, NECKS
    from nas.spec.yaml_text import flow

    for name, config in [
        (name, registry[name]) for registry in (BLOCKS, NECKS) for name in registry
    ]:
        settings = [
            field if info.is_required() else f"{field}: {flow(info.default)}"
            for field, info in config.model_fields.items()
        ]
        click.echo(f"{name} {{{', '.join(settings)}}}")
        click.echo(f"    {' '.join((config.__doc__ or '').split())}")


def _table(architecture: "ArchitectureSpec") -> list[str]:
    from nas.macs.architecture import block_cost, count_architecture

    if architecture.model is not None:
        problem = f"{architecture.model} is another library's network"
        raise NasError(f"{problem}; `nas macs --arch` shows its layers", key="model")
    rows: list[tuple[str, ...]] = [("layer", "block", "in", "out", "parameters", "MACs")]
    for step in (*architecture.steps(), *architecture.head_steps()):
        cost = block_cost(step.config, step.in_shape)
        shapes = _shape(step.in_shape), _shape(step.out_shape)
        figures = f"{cost.parameters:,}", f"{cost.macs:,}"
        rows.append((step.name, step.config.name, *shapes, *figures))
    report = count_architecture(architecture)
    rows.append(("total", "", "", "", f"{report.parameters:,}", f"{report.total:,}"))
    lines = aligned(rows, left=(0, 1))
    rounded = architecture.provenance.rounded
    if isinstance(rounded, list):
        lines += [f"rounded or scaled: {change}" for change in rounded]
    return lines


def _shape(shape: tuple[int, ...]) -> str:
    """`24x32x32`; of several maps `24x32x32 + 40x16x16`."""
    from blocks import shapes_in

    return " + ".join("x".join(map(str, part)) for part in shapes_in(shape))
