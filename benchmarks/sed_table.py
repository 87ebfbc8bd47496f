"""The table of `baselines/README.md`: runs of big baselines and compact networks side by side.

It reads what `nas train` and `nas baseline sed` wrote into the run folders, and trains nothing.
"""

from pathlib import Path

import click

from baselines.sed.runs import read_run
from baselines.sed.table import markdown_table
from benchmarks.marked_place import show_table
from benchmarks.program import Program

BEGIN = "<!-- runs: python -m benchmarks.sed_table -->"


@click.command(cls=Program)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), help="Put it into this file's place.")
def main(runs: tuple[Path, ...], write: Path | None) -> None:
    """Print a Markdown table of finished runs; runs that differ in their seed make one row."""
    table = markdown_table([read_run(run) for run in runs])
    show_table(table, write, BEGIN)


if __name__ == "__main__":
    main()
