"""The X-ray tables of `baselines/README.md`: big baselines and compact networks on the same folds.

It reads what `nas covid pool --out` and `nas baseline ... --folds` wrote, and trains nothing.
"""

from pathlib import Path

import click

from baselines.covid.measured_folds import read_folds
from baselines.covid.table import markdown_tables
from benchmarks.marked_place import show_table
from benchmarks.program import Program

BEGIN = "<!-- runs: python -m benchmarks.covid_table -->"


@click.command(cls=Program)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), help="Put it into this file's place.")
def main(files: tuple[Path, ...], write: Path | None) -> None:
    """Print Markdown tables of measured folds (FILES, as folds.json) and of published figures."""
    tables = markdown_tables([read_folds(file) for file in files])
    show_table(tables, write, BEGIN)


if __name__ == "__main__":
    main()
