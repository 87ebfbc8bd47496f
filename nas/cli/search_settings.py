"""From the flags of `nas search` to the settings of a search."""

import math
import shlex
import sys
from pathlib import Path
from typing import Any

from nas.cli.overrides import Flags, flag, updated
from nas.errors import NasError
from nas.machine import environment
from nas.search.settings import (
    BUILT_IN_MINUTES,
    SearchSettings,
    default_workers,
    resolved_training,
)
from nas.spec.budget import BudgetSpec
from nas.spec.quantity import parse_quantity
from nas.spec.score import parse_score
from nas.spec.search import SearchSpec
from nas.spec.space import SpaceSpec
from nas.tasks.registry import task_of
from nas.train.source import checked_fold

SEARCH_FLAGS = (
    "trials", "minutes", "sampler", "per_second", "stop", "short_epochs", "inherit", "finalists",
    "final_seeds", "final_epochs", "seed", "objectives",
)  # fmt: skip
CHANGEABLE = {"trials", "minutes", "hours", "workers", "threads", "device"}
"""Flags that a search which goes on may be given."""


def new_settings(space: SpaceSpec, flags: Flags) -> SearchSettings:
    """The space's own settings, with the flags that were given in their place. Raises NasError."""
    score = flags["score"] or space.score
    if score is not None:
        parse_score(score)
    device = flags["device"] or "auto"
    workers, threads = default_workers(flags["workers"], flags["threads"], device)
    search = _search(space.search, flags)
    if flags["data"] is None and search.minutes is None:
        search = search.model_copy(update={"minutes": BUILT_IN_MINUTES})
    training = updated(space.training, flags, "epochs", "batch_size", "learning_rate", "seed")
    values = {
        "command": _printable(shlex.join(["nas", *sys.argv[1:]])),
        "data": _absolute(flags["data"], "--data"),
        "groups": _absolute(flags["groups"], "--groups"),
        "strict": flags["strict"],
        "split_seed": checked_fold(task_of(space), flags["fold"]),
        "search": search,
        "budget": _budget(space.budget, flags),
        "training": resolved_training(space, training, built_in=flags["data"] is None),
        "score": score,
        "workers": workers,
        "threads": threads,
        "device": device,
        "environment": environment(),
    }
    return updated(SearchSettings(), values, *values)


def changed_settings(settings: SearchSettings, flags: Flags) -> SearchSettings:
    """The settings of a search that goes on, with the flags that may change. Raises NasError."""
    values: dict[str, Any] = {
        "search": updated(settings.search, _with_minutes(flags), "trials", "minutes"),
        "device": flags["device"],
    }
    if flags["workers"] is not None or flags["threads"] is not None:
        device = flags["device"] or settings.device
        workers = flags["workers"] or settings.workers
        values["workers"], values["threads"] = default_workers(workers, flags["threads"], device)
    return updated(settings, values, *values)


def refuse_fixed(flags: Flags) -> None:
    """Raises NasError for a flag that a search which goes on can't change."""
    given = [name for name, value in flags.items() if value is not None]
    fixed = [flag(name) for name in given if name not in CHANGEABLE]
    if fixed:
        names = ", ".join(fixed)
        raise NasError(
            f"a search that goes on keeps its settings: leave out {names}", key="--resume"
        )


def _search(search: SearchSpec, flags: Flags) -> SearchSpec:
    search = updated(search, _with_minutes(flags), *SEARCH_FLAGS)
    if search.per_second and search.sampler != "known_cost":
        problem = f"the sampler {search.sampler} can't weigh seconds, only known_cost can"
        raise NasError(problem, key="--per-second")
    return search


def _with_minutes(flags: Flags) -> Flags:
    """The flags with hours said in minutes. Raises NasError where both are given."""
    hours = flags["hours"]
    if hours is None:
        return flags
    if flags["minutes"] is not None:
        raise NasError("it is --minutes in another unit: give one of the two", key="--hours")
    if not math.isfinite(hours):
        raise NasError(f"{hours} is not allowed: a finite number", key="--hours")
    return {**flags, "minutes": 60 * hours}


def _budget(budget: BudgetSpec, flags: Flags) -> BudgetSpec:
    given = {name: flags[name] for name in ("max_macs", "max_params", "min_metric")}
    for name in ("max_macs", "max_params"):
        if given[name] is not None:
            try:
                given[name] = parse_quantity(given[name])
            except NasError as error:
                raise NasError(error.problem, key=flag(name)) from error
    return updated(budget, given, *given)


def _absolute(path: Path | None, name: str) -> str | None:
    """The path as it is kept, so that a search can go on from any folder."""
    if path is None:
        return None
    text = str(path.resolve())
    if _printable(text) != text:
        raise NasError(f"{_printable(text)!r} is no Unicode text: rename it", key=name)
    return text


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
