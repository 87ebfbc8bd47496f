"""The table of `baselines/README.md`: runs of big baselines and compact networks side by side.

It reads what `nas train` and `nas baseline sed` wrote into the run folders, and trains nothing.
"""

from pathlib import Path

import click

from baselines.sed.runs import read_run
from baselines.sed.table import markdown_table
from benchmarks.program import Program
from nas.errors import NasError
from nas.files import atomic_write_text

BEGIN, END = "<!-- runs: python -m benchmarks.sed_table -->", "<!-- end of runs -->"


@click.command(cls=Program)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), help="Put it into this file's place.")
def main(runs: tuple[Path, ...], write: Path | None) -> None:
    """Print a Markdown table of finished runs; runs that differ in their seed make one row."""
    table = markdown_table([read_run(run) for run in runs])
    if write is None:
        click.echo(table, nl=False)
    else:
        atomic_write_text(write, with_table(write, table))


def with_table(file: Path, table: str) -> str:
    """The file's text with the table between its two marks. Raises NasError if they lack."""
    text = file.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NasError(f"has no place for the table: the lines {BEGIN} and {END}", file=file)
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


if __name__ == "__main__":
    main()
