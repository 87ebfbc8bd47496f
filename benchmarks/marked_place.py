"""The place of a table in a document: between two lines of comment."""

from pathlib import Path

import click

from nas.errors import NasError
from nas.files import atomic_write_text

END = "<!-- end of runs -->"


def show_table(table: str, file: Path | None, begin: str) -> None:
    """Print the table, or put it into the place of a file that `begin` marks."""
    if file is None:
        click.echo(table, nl=False)
    else:
        atomic_write_text(file, with_table(file, begin, table))


def with_table(file: Path, begin: str, table: str) -> str:
    """The file's text with the table between the line `begin` and the next `END`.

    Raises NasError if they lack.
    """
    text = file.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise NasError(f"has no place for the table: the lines {begin} and {END}", file=file)
    return f"{before}{begin}\n\n{table}\n{END}{after}"
