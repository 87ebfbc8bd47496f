"""`nas search`: a front of networks for a data set, and the best of them."""

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options
from nas.cli.interrupt import interrupted_exit_code
from nas.cli.network import preprocess_keys
from nas.cli.options import (
    FILE,
    Command,
    DataFlags,
    FiniteRange,
    Machine,
    grouped,
    option,
)
from nas.cli.settings import Changes, changes, refuse_others
from nas.cli.teacher import TeacherFlags, teacher
from nas.errors import NasError
from nas.spec.budget import BudgetSpec
from nas.spec.search import SearchSpec
from nas.spec.training import TrainingSpec

if TYPE_CHECKING:
    from nas.search.results import SearchResult
    from nas.search.settings import SearchSettings
    from nas.spec.definition import InputSpec
    from nas.spec.space import SpaceSpec

CHANGEABLE = {"resume", "trials", "minutes", "hours", "workers", "threads", "device", "imports"}
"""Parameters that a search which goes on may be given."""
FINISHING = {"finish", "finalists", "minutes", "hours", "workers", "threads", "device", "imports"}
"""Parameters that a search which is to end may be given."""


@dataclass(frozen=True)
class SearchFlags:
    """What the command line changes of the settings that the space's file has."""

    data: DataFlags
    search: Changes[SearchSpec]
    hours: float | None
    training: Changes[TrainingSpec]
    budget: Changes[BudgetSpec]
    device_profile: str | None
    score: str | None
    workers: int | None
    machine: Machine
    imports: tuple[str, ...]
    storage: str | None
    study: str | None
    silent_s: float | None
    taught: TeacherFlags

    def limits(self) -> Changes[SearchSpec]:
        """The changes of the search, hours said in minutes. Raises NasError where both are."""
        if self.hours is None:
            return self.search
        if self.search.get("minutes") is not None:
            raise NasError("it is --minutes in another unit: give one of the two", key="--hours")
        return self.search.changed(minutes=60 * self.hours)

    def settings(self, space: "SpaceSpec") -> "SearchSettings":
        """The space's own settings, with what was given in their place. Raises NasError."""
        from nas.search.settings import SearchSettings
        from nas.spec.score import parse_score

        score = self.score or space.score
        if score is not None:
            parse_score(score)
        search = self.limits().applied_to(space.search)
        seeded = self.training.changed(seed=self.search.get("seed"))
        settings = SearchSettings.for_space(
            replace(
                space,
                search=search,
                training=seeded.applied_to(space.training),
                budget=self._budget(space.budget),
            ),
            data=_printable_path(self.data.data, "--data"),
            groups=_printable_path(self.data.groups, "--groups"),
            strict=self.data.strict,
            fold=self.data.fold,
            workers=self.workers,
            threads=self.machine.threads,
            device=self.machine.where,
        )
        server = self._server()  # refuses a password before the command is written anywhere
        command = _printable(shlex.join(["nas", *sys.argv[1:]]))
        update = {"command": command, "score": score, "imports": self.imports}
        update |= self._teacher(space) | server
        return settings.model_copy(update=update)

    def _server(self) -> dict[str, Any]:
        """Fields of the settings that say where the study is. Raises NasError."""
        from nas.search.address import check_address

        given = {"study": self.study, "silent_s": self.silent_s}
        given = {name: value for name, value in given.items() if value is not None}
        if self.storage is None:
            if given:
                name = "--study-name" if "study" in given else "--silent-s"
                raise NasError("is for a study on a server: give --storage", key=name)
            return {}
        check_address(self.storage)
        return {"storage": self.storage, **given}

    def _budget(self, own: BudgetSpec) -> BudgetSpec:
        """The space's own, with a device's bounds and what was given in their place."""
        if self.device_profile is None:
            return self.budget.applied_to(own)
        from nas.device.profiles import load_profile

        return self.budget.applied_to(load_profile(self.device_profile).over(own))

    def _teacher(self, space: "SpaceSpec") -> dict[str, Any]:
        """Fields of the settings that say who teaches; what is not given is as the space says."""
        from nas.model.reference import own_module
        from nas.search.teacher import first_size
        from nas.spec.architecture import ArchitectureSpec, dump_architecture
        from nas.train.teacher_run import reference_teacher

        folder = _printable_path(self.taught.unlabelled, "--unlabelled")
        fields: dict[str, Any] = {"unlabelled": None if folder is None else str(folder)}
        if self.taught.nobody:
            return fields | {"teacher_architecture": None}
        if space.teacher is not None and self.taught.only_input:
            whole = reference_teacher(space, self.taught.teacher_size)
            return fields | {"teacher_architecture": dump_architecture(whole)}
        chosen = self.taught.choice(first_size(space), space.task)
        if isinstance(chosen, ArchitectureSpec):
            known = chosen.with_classes(space.classes)  # until the data say theirs
            own = None if known.model is None else own_module(known.model)
            if own is not None:  # the workers import it too
                fields["imports"] = tuple(dict.fromkeys((*self.imports, own)))
            return fields | {"teacher_architecture": dump_architecture(known)}
        runs = [_printable_path(run, "--teacher") for run in chosen]
        if not runs:
            return fields
        return fields | {"teacher": tuple(map(str, runs)), "teacher_architecture": None}

    def changed(self, settings: "SearchSettings") -> "SearchSettings":
        """The settings of a search that goes on, with what may change. Raises NasError."""
        from nas.search.settings import default_workers

        device = self.machine.device or settings.device
        workers, threads = settings.workers, settings.threads
        if self.workers is not None or self.machine.threads is not None:
            asked = workers if self.workers is None else self.workers
            workers, threads = default_workers(asked, self.machine.threads, device)
        search = self.limits().applied_to(settings.search)
        return settings.model_copy(
            update={
                "search": search,
                "device": device,
                "workers": workers,
                "threads": threads,
                "imports": tuple(dict.fromkeys((*settings.imports, *self.imports))),
            }
        )


@click.command("search", cls=Command)
@option("--space", metavar="FILE", help="Search space: a YAML file, or an installed one's name.")
@options.PASSWORD_FILE
@option("--task", metavar="NAME", help="Task in place of the space's own, e.g. multilabel.")
@options.input_size("Input in place of the space's (see `nas data stats`).")
@options.weights()
@options.out("New folder  [default: runs/NAME]")
@options.resume("Go on with the search in this folder.")
@option(
    "--finish",
    type=FILE,
    metavar="FOLDER",
    help="End the search in this folder, even one that runs: finalists (--finalists 0: none), "
    "results.",
)
@grouped(
    "flags",
    SearchFlags,
    options.task_data(),
    changes(
        "search",
        SearchSpec,
        (
            "trials", "minutes", "sampler", "per_second", "evaluate", "shared_epochs", "stop",
            "short_epochs", "inherit", "finalists", "final_seeds", "final_epochs", "seed",
            "objectives",
        ),
        seed={"help": "Random seed of candidates and training."},
    ),
    option("--hours", type=FiniteRange(0, min_open=True), help="Time limit in hours."),
    changes("training", TrainingSpec, ("epochs", "batch_size", "learning_rate")),
    changes(
        "budget",
        BudgetSpec,
        (
            "max_macs", "from_macs", "max_params", "max_flash", "max_ram", "precision",
            "min_metric",
        ),
        min_metric={"old": ("--min-macro-f1",)},
    ),
    options.DEVICE_PROFILE,
    option("--score", metavar="TEXT", help="Name or expression of a score; the lowest is best."),
    option(
        "--workers",
        type=click.IntRange(0, 1_024),
        told_default="one a core, at most 8; one on a GPU",
        help="Processes that train at the same time; 0 with --storage: only those of `nas worker`.",
    ),
    options.storage(),
    options.study("Name of the study on that server  [default: the folder's]"),
    option(
        "--silent-s",
        type=FiniteRange(1, 86_400),
        told_default="60",
        help="Seconds without a sign of life after which a worker counts as dead.",
    ),
    options.machine("cores / workers"),
    options.imports(kept=True),
    teacher("Finished run that teaches; none: nobody, even if the space says one."),
)  # fmt: skip
def search(
    space: str | None,
    task: str | None,
    size: "InputSpec | None",
    weights: str | None,
    out: Path | None,
    resume: Path | None,
    finish: Path | None,
    flags: SearchFlags,
) -> None:
    """Search a space for networks with few multiply-adds and a high metric.

    The metric is macro-F1, of a detector F1 at IoU 0.5. Without --data: on the task's built-in set.
    What is not given comes from the space's file, else it is the default shown here.
    """
    from nas.search.results import result_lines
    from nas.search.run import SearchInterrupted, resume_search

    try:
        if finish is not None:
            ended = _finished(finish, flags)
            if ended is None:
                return
            result = ended
        elif resume is not None:
            refuse_others(CHANGEABLE, "--resume", "a search that goes on keeps its settings")
            result = resume_search(
                resume, imports=flags.imports, say=click.echo, change=flags.changed
            )
        elif space is not None:
            result = _begin(_loaded(space, task, size, weights, flags.data), flags, out)
        else:
            raise NasError("give --space FILE, or --resume FOLDER to go on, or --finish FOLDER")
    except SearchInterrupted as interrupted:
        if interrupted.result is not None:
            click.echo("\n".join(result_lines(interrupted.result)))
        again = ["nas", "search", "--resume", str(interrupted.folder)]
        again += [part for name in flags.imports for part in ("--import", name)]
        click.echo(f"Interrupted. Go on with: {shlex.join(again)}", err=True)
        sys.exit(interrupted_exit_code())
    click.echo("\n".join(result_lines(result)))


def _finished(folder: Path, flags: SearchFlags) -> "SearchResult | None":
    """The search's result; None where the process that runs it was told."""
    from nas.search.run import finish_search

    refuse_others(FINISHING, "--finish", "a search that ends keeps its settings")
    finalists = flags.search.get("finalists")
    kept = replace(flags, search=flags.search.without("finalists"))
    return finish_search(
        folder, finalists=finalists, imports=flags.imports, say=click.echo, change=kept.changed
    )


def _loaded(
    file: str,
    task: str | None,
    size: "InputSpec | None",
    weights: str | None,
    data: DataFlags,
) -> "SpaceSpec":
    """The space with the input, the first weights and the preprocessing that the flags say.

    Raises NasError for a task that can't use its members, and for weights that are given to a space
    whose members are cut from no network.
    """
    from nas.spec.space import load_space
    from nas.tasks.registry import task_of
    from nas.train.begin import begun_space, weights_told_as

    space = load_space(file)
    if task is not None:
        space = _of_task(space, task)
    keys: dict[str, Any] = {}
    if size is not None:
        keys["input"] = size.model_dump()
    if weights is not None:
        if space.begin is None:
            problem = "this space does not say from which network its members are cut (begin:)"
            raise NasError(problem, file=file, key="--weights")
        keys["begin"] = space.begin.model_copy(update={"weights": weights}).model_dump()
    if own := preprocess_keys(task_of(space), data):
        keys["preprocess"] = {**(space.document.data.get("preprocess") or {}), **own}
    changed = space.with_keys(**keys) if keys else space
    if weights is not None:
        with weights_told_as("--weights"):
            begun_space(changed)
    return changed


def _of_task(space: "SpaceSpec", task: str) -> "SpaceSpec":
    """The space for another task. Raises NasError where that can't use its members."""
    from nas.tasks.registry import task_named

    try:
        known = task_named(task)
    except NasError as error:
        raise NasError(error.problem, key="--task") from error
    if task == space.task:
        return space
    try:
        other = space.with_keys(task=task)
        known.check_space(other)
    except NasError as error:
        problem = f"this space is of the task {space.task}, and serves no {task}: {error.problem}"
        raise space.document.error(("task",), problem) from error
    return other


def _begin(space: "SpaceSpec", flags: SearchFlags, out: Path | None) -> "SearchResult":
    from nas.search.run import run_search
    from nas.tasks.registry import task_of

    settings = flags.settings(space)
    if settings.data is not None:
        click.echo(f"Searching on {settings.data}.")
    else:
        built_in, minutes = task_of(space).built_in_source, settings.search.minutes
        click.echo(f"No --data: searching on {built_in}, at most {minutes:g} minutes.")
    return run_search(space, settings, out=out, say=click.echo)


def _printable_path(path: Path | None, name: str) -> Path | None:
    """The path, if it can be written into a file of settings. Raises NasError."""
    if path is not None and _printable(text := str(path.resolve())) != text:
        raise NasError(f"{_printable(text)!r} is no Unicode text: rename it", key=name)
    return path


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
