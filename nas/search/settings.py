"""Everything that a search was asked to do, kept in its folder so that it can go on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from nas.errors import NasError
from nas.files import atomic_write_text
from nas.machine import environment, usable_cores
from nas.plugins import load_plugins
from nas.search.objective import Objectives
from nas.spec.architecture import dump_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.load import Document, read_document
from nas.spec.search import SearchSpec
from nas.spec.space import SpaceSpec
from nas.spec.training import TrainingSpec
from nas.spec.validate import Frozen, Settings, validate
from nas.spec.yaml_text import block
from nas.tasks.recipe import open_until_read
from nas.tasks.registry import task_of
from nas.train.begin import check_begin
from nas.train.device import choose_device
from nas.train.source import checked_fold
from nas.train.teacher_run import reference_teacher

MAX_DEFAULT_WORKERS = 8
BUILT_IN_MINUTES = 4.0
"""After this time a first look at the built-in data begins no network, if nothing else is said."""


class SearchSettings(Settings):
    """Resolved settings of one search."""

    command: str = ""
    """The command line that began it."""
    imports: tuple[str, ...] = ()
    """Modules of one's own (`--import`), which every worker imports."""
    data: str | None = None
    """Folder or table of the data; null is the data set that comes with the installed packages."""
    groups: str | None = None
    """Table of the groups that no split may cut."""
    strict: bool = False
    """Stop at files that can't be read, instead of leaving them out."""
    split_seed: Annotated[int, Field(strict=True, ge=0)] = 0
    """Seed of the splits, where the data have none of their own."""
    search: SearchSpec = SearchSpec()
    budget: BudgetSpec = BudgetSpec()
    training: TrainingSpec = TrainingSpec()
    teacher: tuple[str, ...] = ()
    """Folders of the finished runs that teach every network; the mean of several counts."""
    teacher_architecture: str | None = None
    """Text of the architecture file of a network that is trained first, to teach; null for none."""
    unlabelled: str | None = None
    """Folder of samples without labels, which are learned from the teacher alone."""
    score: str | None = None
    """Name or expression of the score of the best network; null chooses the knee of the front."""
    workers: Annotated[int, Field(strict=True, ge=0, le=1_024)] = 1
    """Processes that train at the same time; 0 leaves a study on a server to other machines."""
    threads: Annotated[int, Field(strict=True, ge=1, le=1_024)] = 1
    """Cores that each of them uses."""
    device: str = "auto"
    """Where they train: auto, cpu, cuda, cuda:1."""
    engine: str = "local"
    """What runs the workers; local are processes of this machine."""
    storage: str = "journal"
    """Where the trials are kept: journal is a file of the run's folder; else a server's address."""
    study: str | None = None
    """Name of the study on that server."""
    silent_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """Seconds without a sign of life after which a worker of such a study counts as dead."""
    environment: dict[str, str] = {}  # noqa: RUF012  # pydantic copies defaults
    """Versions, commit and hardware."""

    @classmethod
    def for_space(
        cls,
        space: SpaceSpec,
        *,
        data: str | Path | None = None,
        groups: str | Path | None = None,
        strict: bool = False,
        fold: int | None = None,
        workers: int | None = None,
        threads: int | None = None,
        device: str = "auto",
        imports: Sequence[str] = (),
    ) -> Self:
        """What the space's file says, completed by its task; `model_copy(update=...)` changes more.

        `data` None are the task's built-in data, on which a search without a limit of its own
        begins no network after four minutes. `imports` are modules that the workers import, with
        blocks and tasks of one's own. Raises NasError for settings that the task or a search can't
        have.
        """
        check_begin(space)
        processes, each = default_workers(workers, threads, device)
        search = space.search
        if data is None and search.minutes is None:
            search = search.model_copy(update={"minutes": BUILT_IN_MINUTES})
        return cls(
            data=None if data is None else str(Path(data).resolve()),
            groups=None if groups is None else str(Path(groups).resolve()),
            strict=strict,
            split_seed=checked_fold(task_of(space), fold) or 0,
            search=search,
            budget=space.budget,
            training=resolved_training(space, space.training, built_in=data is None),
            teacher_architecture=_teacher_of(space),
            score=space.score,
            workers=processes,
            threads=each,
            device=device,
            imports=tuple(imports),
            environment=environment(),
        )


def _teacher_of(space: SpaceSpec) -> str | None:
    """The network that teaches the members of a space if nothing else is said."""
    return None if space.teacher is None else dump_architecture(reference_teacher(space))


def resolved_training(space: SpaceSpec, training: TrainingSpec, *, built_in: bool) -> TrainingSpec:
    """The settings with the task's own where they name none, but for what the data choose.

    Raises NasError, with file and line, for what the task or a search can't do.
    """
    try:
        if training.pseudo_labelling is not None:
            problem = "a search trains in one round; `nas train --rounds` adds labels"
            raise NasError(problem, key="training.pseudo_labelling")
        return open_until_read(task_of(space), training, built_in=built_in)
    except NasError as error:
        if error.key is None or error.file is not None:
            raise
        raise space.document.error(tuple(error.key.split(".")), error.problem) from error


def default_workers(workers: int | None, threads: int | None, device: str) -> tuple[int, int]:
    """Processes and threads of each; on a CPU one thread a process trains most networks an hour."""
    cores = usable_cores()
    for name, count, least in (("workers", workers, 0), ("threads", threads, 1)):
        if count is not None and count < least:
            raise NasError(f"{count} is not allowed: at least {least}", key=name)
    if workers is None:
        on_gpu = choose_device(device).type != "cpu"
        workers = 1 if on_gpu else min(cores, MAX_DEFAULT_WORKERS)
    return workers, threads or max(1, cores // max(1, workers))


def objectives_of(settings: SearchSettings, metric: str) -> Objectives:
    """What the search optimises, for a task whose primary metric has this name. Raises NasError."""
    return Objectives.of(metric, settings.search.objectives, settings.budget)


def _imports_in(document: Document) -> tuple[str, ...]:
    class Imports(Frozen, extra="ignore"):
        imports: tuple[str, ...] = ()

    return validate(Imports, document).imports


_BEFORE: dict[str, str | int] = {"stop": "none", "finalists": 0}
"""What a search did before these settings were there."""


SETTINGS_FILE = "settings.yaml"


def write_settings(folder: Path, settings: SearchSettings) -> None:
    """Write `settings.yaml` into a run's folder."""
    atomic_write_text(folder / SETTINGS_FILE, settings_text(settings))


def settings_text(settings: SearchSettings) -> str:
    """The text of `settings.yaml`."""
    return block(settings.model_dump(mode="json")) + "\n"


def read_settings(folder: Path, imports: Sequence[str] = ()) -> SearchSettings:
    """The settings of a run's folder. Raises NasError where there are none.

    The modules `imports` are imported first: settings may be of their kinds. A folder, which may be
    somebody else's, imports nothing by itself: NasError too where it names a module that `imports`
    lacks. A run that was begun before there were early stopping, finalists and recipes goes on
    without them.
    """
    document = read_document(folder / "settings.yaml")
    if missing := [name for name in _imports_in(document) if name not in imports]:
        flags = " ".join(f"--import {name}" for name in missing)
        problem = f"the search was begun with modules of one's own, which are named again: {flags}"
        raise document.error(("imports",), problem)
    load_plugins(imports)
    settings = validate(SearchSettings, document)
    written = document.data.get("search") or {}
    before = {name: value for name, value in _BEFORE.items() if name not in written}
    search, training = settings.search.model_copy(update=before), settings.training
    if "recipe" not in (document.data.get("training") or {}):
        training = training.model_copy(update={"recipe": "fixed"})
    return settings.model_copy(update={"search": search, "training": training})
