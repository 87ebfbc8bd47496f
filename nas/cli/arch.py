"""`nas arch`: look at an architecture file, and convert it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.cli.network import load_architecture_at
from nas.cli.options import FILE, Command, option
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import InputSpec


@click.group("arch")
def arch() -> None:
    """Look at architecture files, and convert them."""


@arch.command("show", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@options.input_size("Input size in place of the file's own.")
@options.ROWS
@option("--named", is_flag=True, help="Print the named form, defaults written out.")
@options.imports()
def show(file: Path, size: "InputSpec | None", rows: bool, named: bool) -> None:
    """Show each layer's shapes, parameters and MACs."""
    from nas.macs.architecture import layer_lines
    from nas.spec.architecture import dump_architecture
    from nas.spec.rows import dump_rows

    if rows and named:
        raise NasError("give --rows or --named, one of them")
    architecture = load_architecture_at(file, size)
    if rows:
        click.echo(dump_rows(architecture), nl=False)
    elif named:
        click.echo(dump_architecture(architecture), nl=False)
    else:
        click.echo("\n".join(layer_lines(architecture)))


@arch.command("blocks", cls=Command)
@options.imports()
def blocks() -> None:
    """List all blocks and necks with their settings and sources."""
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


@arch.command("diff", cls=Command)
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@options.input_size("Input size of both in place of the files' own.")
@options.imports()
def diff(first: Path, second: Path, size: "InputSpec | None") -> None:
    """Show which layers of two networks differ, and what that costs."""
    from nas.macs.difference import difference_lines

    networks = [load_architecture_at(file, size) for file in (first, second)]
    click.echo("\n".join(difference_lines(*networks)))


@arch.command("draw", cls=Command)
@click.argument("file", type=FILE)
@options.input_size("Input size in place of the file's own.")
@options.out_file("SVG file to write  [default: the name of FILE, in this folder]", short=("-o",))
@options.imports()
def draw(file: Path, size: "InputSpec | None", out: Path | None) -> None:
    """Draw a network's layers with shapes, MACs and memory as an SVG."""
    from nas.files import atomic_write_text
    from nas.report.network_drawing import network_svg

    place = Path(file.with_suffix(".svg").name) if out is None else out
    if place.suffix != ".svg":
        raise NasError("the picture is an SVG: give a name that ends in .svg", key="--out")
    atomic_write_text(place, network_svg(load_architecture_at(file, size)))
    click.echo(f"written: {place}")
