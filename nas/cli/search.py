"""`nas search`: a front of networks for a data set, and the best of them."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.input_shape import parse_input_shape
from nas.cli.search_flags import search_flags
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.search.results import SearchResult
    from nas.search.settings import SearchSettings
    from nas.spec.space import SpaceSpec


@click.command("search")
@search_flags
def search(space: str | None, out: Path | None, resume: Path | None, **flags: Any) -> None:
    """Search a space for networks with few multiply-adds and a high macro-F1.

    A detector's metric is F1 at IoU 0.5. Without --data: on the task's built-in set. What is not
    given comes from the space's file.
    """
    from nas.search.run import SearchInterrupted

    try:
        result = _begin(space, out, flags) if resume is None else _resume(space, out, resume, flags)
    except SearchInterrupted as interrupted:
        if interrupted.result is not None:
            _report(interrupted.result)
        folder = shlex.quote(str(interrupted.folder))
        click.echo(f"Interrupted. Go on with: nas search --resume {folder}", err=True)
        sys.exit(130)
    _report(result)


def _begin(space: str | None, out: Path | None, flags: dict[str, Any]) -> "SearchResult":
    from nas.cli.search_settings import new_settings
    from nas.search.run import run_search
    from nas.spec.space import load_space

    if space is None:
        raise NasError("give --space FILE, or --resume DIR to go on")
    loaded = load_space(space)
    _check_task(loaded, flags["task"])
    loaded = _adapted(loaded, flags)
    settings = new_settings(loaded, flags)
    click.echo(_first_line(loaded, settings))
    return run_search(loaded, settings, out=out, say=click.echo)


def _check_task(space: "SpaceSpec", asked: str | None) -> None:
    """Raises NasError where the space's file is of another task than the one asked for."""
    from nas.tasks.registry import task_named

    if asked is None:
        return
    try:
        task_named(asked)
    except NasError as error:
        raise NasError(error.problem, key="--task") from error
    if asked != space.task:
        raise space.document.error(
            ("task",), f"this space is of the task {space.task}, not {asked}"
        )


def _adapted(space: "SpaceSpec", flags: dict[str, Any]) -> "SpaceSpec":
    """The space with the input and the preprocessing that the flags say."""
    from nas.cli.data_flags import preprocess_keys
    from nas.tasks.registry import task_of

    keys: dict[str, Any] = {}
    if flags["input"] is not None:
        channels, height, width = parse_input_shape(flags["input"])
        keys["input"] = {"channels": channels, "height": height, "width": width}
    own = preprocess_keys(task_of(space), no_turn=bool(flags["no_turn"]), labels=flags["labels"])
    if own:
        keys["preprocess"] = {**(space.document.data.get("preprocess") or {}), **own}
    return space.with_keys(**keys) if keys else space


def _resume(
    space: str | None, out: Path | None, folder: Path, flags: dict[str, Any]
) -> "SearchResult":
    from nas.cli.search_settings import changed_settings, refuse_fixed
    from nas.search.run import resume_search

    refuse_fixed({"space": space, "out": out, **flags})
    return resume_search(
        folder, say=click.echo, change=lambda settings: changed_settings(settings, flags)
    )


def _first_line(space: "SpaceSpec", settings: "SearchSettings") -> str:
    from nas.tasks.registry import task_of

    if settings.data is not None:
        return f"Searching on {settings.data}."
    return (
        f"No --data: searching on {task_of(space).built_in_source}, at most "
        f"{settings.search.minutes:g} minutes."
    )


def _report(result: "SearchResult") -> None:
    from nas.report.tables import expectation_text, finalist_table, front_table, noise_text
    from nas.spec.quantity import count_text

    click.echo("")
    click.echo(front_table(result.findings))
    certainty = result.verdict.certainty
    if certainty.finals:
        click.echo(f"\n{finalist_table(result.findings)}")
    if result.choice is not None:
        best = shlex.quote(str(result.folder / "best.yaml"))
        chosen = next(item for item in result.records if item.number == result.best)
        expected = expectation_text(
            chosen, certainty.estimates[chosen.number], metric=result.metric
        )
        facts = "".join(f" ({fact})" for fact in result.best_cost_facts)
        macs = f"{count_text(chosen.macs)} MACs{facts}"
        click.echo(f"\nBest: trial {chosen.number}, {macs}, {expected},")
        click.echo(f"  since {result.choice.because}.")
        click.echo(f"  {noise_text(certainty, chosen.number, metric=result.metric)}.")
        click.echo(f"  in {result.folder}: best.yaml, report.html, trials.csv, front/")
        click.echo(f"  next: nas train --arch {best}")
