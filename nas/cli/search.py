"""`nas search`: a front of networks for a data set, and the best of them."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nas.search.results import SearchResult
    from nas.search.settings import SearchSettings
    from nas.spec.space import SpaceSpec

MAX_DEFAULT_WORKERS = 8


@click.command("search")
@click.option("--space", help="Search space: a YAML file, or the name of an installed one.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder train/CLASS/* or CLASS/*, or CSV.")
@click.option("--groups", type=click.Path(path_type=Path), help="CSV path,group: no group crosses splits.")
@click.option("--strict", is_flag=True, help="Stop at unreadable files instead of leaving them out.")
@click.option("--out", type=click.Path(path_type=Path), help="New folder  [default: runs/NAME]")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the search in this folder.")
@click.option("--trials", type=click.IntRange(1), help="Networks to train.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Begin no network after this time.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training split a network.")
@click.option("--batch-size", type=click.IntRange(2, 65_536), help="Images a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak rate of AdamW.")
@click.option("--max-macs", help="Multiply-adds at most, e.g. 20M.")
@click.option("--max-params", help="Parameters at most, e.g. 500k.")
@click.option("--min-macro-f1", type=click.FloatRange(0, 1), help="What the best network must reach.")
@click.option("--score", help="Name or expression by which the best is chosen; the lower the better.")
@click.option(
    "--sampler", type=click.Choice(["tpe", "nsga2", "nsga3", "random"]), help="How candidates are drawn."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the candidates and their training.")
@click.option("--workers", type=click.IntRange(1), help="Processes  [default: one a core, one on a GPU]")
@click.option("--threads", type=click.IntRange(1), help="Cores of each  [default: cores / workers]")
@click.option("--device", help="auto, cpu, cuda, cuda:1  [default: auto]")
def search(space: str | None, out: Path | None, resume: Path | None, **options: Any) -> None:
    """Search a space for networks with few multiply-adds and a high macro-F1.

    Without --data: on scikit-learn's handwritten digits. What is not given comes from the space's file.
    """
    from nas.errors import NasError
    from nas.runs import new_run_folder
    from nas.search.run import SearchInterrupted, begin_search, continue_search
    from nas.spec.space import load_space

    try:
        if resume is not None:
            _refuse_fixed(space, out, options)
            result = continue_search(resume, say=click.echo, change=lambda old: _changed(old, options))
        elif space is None:
            raise NasError("give --space FILE, or --resume DIR to go on")
        else:
            loaded = load_space(space)
            settings = _settings(loaded, options)
            click.echo(_first_line(settings))
            folder = new_run_folder(out, loaded.name)
            result = begin_search(folder, loaded, settings, say=click.echo)
    except SearchInterrupted as interrupted:
        _report(interrupted.result)
        click.echo(f"Interrupted. Go on with: nas search --resume {interrupted.result.folder}", err=True)
        sys.exit(130)
    _report(result)


def _settings(space: "SpaceSpec", options: dict[str, Any]) -> "SearchSettings":
    """The space's own settings, with the flags that were given in their place."""
    from nas.runs import environment
    from nas.search.settings import SearchSettings
    from nas.spec.score import parse_score

    score = options["score"] or space.score
    if score is not None:
        parse_score(score)
    data, groups = options["data"], options["groups"]
    workers, threads = _workers(options["workers"], options["threads"], options["device"] or "auto")
    return SearchSettings(
        command=shlex.join(["nas", *sys.argv[1:]]),
        data=None if data is None else str(data.resolve()),
        groups=None if groups is None else str(groups.resolve()),
        strict=options["strict"],
        search=_updated(space.search, options, "trials", "minutes", "sampler", "seed"),
        budget=_budget(space, options),
        training=_updated(
            space.training, options, "epochs", "batch_size", "learning_rate", "seed"
        ),
        score=score,
        workers=workers,
        threads=threads,
        device=options["device"] or "auto",
        environment=environment(),
    )


def _updated(spec: Any, options: dict[str, Any], *names: str) -> Any:
    given = {name: options[name] for name in names if options[name] is not None}
    return type(spec).model_validate(spec.model_dump() | given)


def _budget(space: "SpaceSpec", options: dict[str, Any]) -> Any:
    from nas.errors import NasError
    from nas.spec.quantity import parse_quantity

    given = {}
    for name in ("max_macs", "max_params"):
        if options[name] is not None:
            try:
                given[name] = parse_quantity(options[name])
            except NasError as error:
                raise NasError(error.problem, key=f"--{name.replace('_', '-')}") from error
    if options["min_macro_f1"] is not None:
        given["min_macro_f1"] = options["min_macro_f1"]
    return space.budget.model_copy(update=given)


def _workers(workers: int | None, threads: int | None, device: str) -> tuple[int, int]:
    """Processes and threads of each: on a CPU one thread a process, which trains most networks an hour."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers is None:
        workers = 1 if _on_gpu(device) else min(cores, MAX_DEFAULT_WORKERS)
    return workers, threads or max(1, cores // workers)


def _on_gpu(device: str) -> bool:
    from nas.train.device import choose_device

    return choose_device(device).type != "cpu"


def _refuse_fixed(space: str | None, out: Path | None, options: dict[str, Any]) -> None:
    """Raises NasError for a flag that a search which goes on can't change."""
    from nas.errors import NasError

    free = {"trials", "minutes", "workers", "threads", "device"}
    given = {"space": space, "out": out, **{name: options[name] for name in options if name not in free}}
    fixed = [f"--{name.replace('_', '-')}" for name, value in given.items() if value not in (None, False)]
    if fixed:
        raise NasError(f"a search that goes on keeps its settings: leave out {', '.join(fixed)}", key="--resume")


def _changed(settings: "SearchSettings", options: dict[str, Any]) -> "SearchSettings":
    """The settings of a search that goes on, with the flags that may change."""
    search = _updated(settings.search, options, "trials", "minutes")
    update: dict[str, Any] = {"search": search}
    if options["device"] is not None:
        update["device"] = options["device"]
    if options["workers"] is not None or options["threads"] is not None:
        device = update.get("device", settings.device)
        update["workers"], update["threads"] = _workers(
            options["workers"] or settings.workers, options["threads"], device
        )
    return settings.model_copy(update=update)


def _first_line(settings: "SearchSettings") -> str:
    if settings.data is None:
        return (
            "No --data: searching on scikit-learn's handwritten digits (1,797 real pictures of 8 x 8, enlarged)."
        )
    return f"Searching on {settings.data}."


def _report(result: "SearchResult") -> None:
    from nas.report.tables import front_table

    click.echo("")
    click.echo(front_table(result.records, result.front_numbers, result.best))
    if result.choice is not None:
        click.echo(f"\nBest: trial {result.choice.number}, since {result.choice.because}.")
        click.echo(f"  {result.folder}/best.yaml, report.html, trials.csv, front/")
        click.echo(f"  next: nas train --arch {result.folder}/best.yaml")
