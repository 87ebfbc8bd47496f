"""`nas latency`: how long a network takes on this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from nas.cli import options
from nas.cli.options import FILE, Command, option
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import InputSpec


@click.command("latency", cls=Command)
@click.argument("network", metavar="[RUN_DIR|FILE]", type=FILE, required=False)
@options.ARCH
@options.library()
@option(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Two networks by turns: runs, architecture files, exported files or library names.",
)
@options.input_size("Input shape  [default: the file's own; 3x224x224 for --model]")
@option(
    "--runtime",
    type=click.Choice(["torch", "onnxruntime", "executorch"]),
    default="onnxruntime",
    show_default=True,
    help="What runs it; an exported file has its own.",
)
@option("--threads", type=click.IntRange(1, 1_024), default=1, show_default=True, help="Its cores.")
@option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Samples at once.")
@options.JSON
@options.imports()
def latency(
    network: Path | None,
    arch: Path | None,
    model: str | None,
    compare: tuple[str, str] | None,
    size: "InputSpec | None",
    runtime: Literal["torch", "onnxruntime", "executorch"],
    threads: int,
    batch: int,
    as_json: bool,
) -> None:
    """Measure how long a network takes: a run, an architecture file, an exported file, a library's.

    It runs as a file that `nas export` would write, in a process of its own: a warm-up, then 12
    rounds, of two networks by turns.
    """
    given: list[Any] = [item for item in (network, arch, model) if item is not None]
    if len(given) + (compare is not None) != 1:
        raise NasError("give RUN_DIR or FILE, --arch FILE, --model NAME or --compare A B, one")
    from nas.export.latency import measure_latency

    report = measure_latency(
        *(given if compare is None else compare),
        runtime=runtime,
        threads=threads,
        batch=batch,
        size=size,
    )
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2, allow_nan=False))
    else:
        click.echo("\n".join(report.lines()))
