"""`nas worker`: trains networks of a search that others began."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from nas.cli import options
from nas.cli.interrupt import interrupted_exit_code
from nas.cli.options import Command, Machine, grouped


@dataclass(frozen=True)
class Place:
    """Which study, where."""

    storage: str
    study: str


@click.command("worker", cls=Command)
@grouped(
    "place",
    Place,
    options.storage(required=True),
    options.study("Name of the study there.", required=True),
)
@options.PASSWORD_FILE
@options.data("The search's data, where they are on this machine.")
@options.GROUPS
@options.out("New folder for log and weights, or the search's own  [default: runs/NAME-worker]")
@options.machine("all cores")
@options.imports(kept=True)
def worker(
    place: Place,
    data: Path | None,
    groups: Path | None,
    out: Path | None,
    machine: Machine,
    imports: tuple[str, ...],
) -> None:
    """Train networks of a search that others began, until none is left.

    Space, settings and classes come from the study. Workers may join and leave at any time; what
    one has in training as it leaves or dies is given to another one.
    """
    from nas.search.join import Joining, join_search

    joining = Joining(
        place.storage,
        place.study,
        data=data,
        groups=groups,
        folder=out,
        threads=machine.threads,
        device=machine.where,
        imports=imports,
    )
    try:
        join_search(joining, say=click.echo)
    except KeyboardInterrupt:
        again = ["nas", "worker", "--storage", place.storage, "--study-name", place.study]
        again += [] if data is None else ["--data", str(data)]
        click.echo(f"Interrupted. Join again with: {shlex.join(again)}", err=True)
        sys.exit(interrupted_exit_code())
