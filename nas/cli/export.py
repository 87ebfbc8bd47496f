"""`nas export`: a trained network as a file for other runtimes."""

from pathlib import Path
from typing import Literal

import click

from nas.cli import options
from nas.cli.options import FILE, Command, FiniteRange, option
from nas.errors import NasError


@click.command("export", cls=Command)
@click.argument("run", metavar="RUN_DIR", type=FILE)
@option(
    "--to",
    type=click.Choice(["onnx", "executorch", "torch"]),
    default="onnx",
    show_default=True,
    help="Kind of file.",
)
@options.others("exported")
@option("--int8", is_flag=True, help="Weights and activations of 8 bits.")
@option(
    "--max-drop",
    type=FiniteRange(0, 1),
    told_default="0.01",
    help="What the metric of --int8 may lose on the validation split.",
)
@option(
    "--with-preprocess",
    is_flag=True,
    help="Put scale, mean and deviation of the inputs into the file.",
)
@options.data("Where the validation split is  [default: the run's own]")
@options.out_file("File to write  [default: in RUN_DIR, model.onnx, model-int8.onnx and so on]")
@options.imports()
def export(
    run: Path,
    to: Literal["onnx", "executorch", "torch"],
    others: tuple[Path, ...],
    int8: bool,
    max_drop: float | None,
    with_preprocess: bool,
    data: Path | None,
    out: Path | None,
) -> None:
    """Write the network of RUN_DIR as a file, if the file computes what the network does.

    The file is run in its own runtime on the validation split and compared with PyTorch: outputs,
    decisions, metric. Where it differs, the numbers are shown, no file is left, and the exit code
    is 1. A file of 8 bits differs always: there the metric counts.
    """
    from nas.export.run import MAX_DROP, export_run

    if max_drop is not None and not int8:
        raise NasError("is for --int8 alone: other files may not differ", key="--max-drop")
    result = export_run(
        (run, *others),
        to=to,
        int8=int8,
        max_drop=MAX_DROP if max_drop is None else max_drop,
        with_preprocess=with_preprocess,
        data=data,
        out=out,
        say=click.echo,
    )
    if notice := result.facts["notice"]:
        click.echo(f"Note: {notice}", err=True)
