"""A worker that joins a search by its storage's address alone, on whatever machine it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import optuna

from nas.errors import NasError
from nas.files import write_together
from nas.machine import environment, usable_cores
from nas.plugins import load_plugins
from nas.report.lines import Say
from nas.runs.folder import append_log, locked_run, new_run_folder
from nas.search.continuity import refuse_other_data, refuse_other_space
from nas.search.data import examine_data
from nas.search.final_stage import finalists_left
from nas.search.job import Job
from nas.search.server import ServerStore
from nas.search.settings import SETTINGS_FILE, SearchSettings, settings_text
from nas.search.shared import is_prepared
from nas.search.store import worker_name
from nas.search.teacher import check_settings, prepare_teacher
from nas.search.worker import work
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.validate import Settings
from nas.tasks.registry import task_of
from nas.train.device import set_threads


@dataclass(frozen=True)
class Joining:
    """What a worker says of its machine; the rest is in the study."""

    storage: str
    study: str
    data: Path | None = None
    """Where the data are here; None where the search's own path leads to them, or they are built
    in."""
    groups: Path | None = None
    folder: Path | None = None
    """A new one, for weights and log; or the search's own, to share what teaches."""
    threads: int | None = None
    device: str = "auto"
    imports: tuple[str, ...] = ()


def join_search(joining: Joining, *, say: Say = print) -> Path:
    """Train networks of a search until none is left to train; the worker's folder.

    Raises NasError for a study that is not there, other data, another version of this program.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name = worker_name()
    store = ServerStore(Path(), name, address=joining.storage, study=joining.study)
    text, written, study = store.published()
    settings = _settings(written, joining)
    _refuse_other_program(settings, say)
    space = parse_space(text)
    check_settings(settings)
    facts = examine_data(space, settings, say)
    settings = settings.model_copy(update={"environment": environment()})
    refuse_other_data(study, store, facts, key="--data")
    refuse_other_space(study, space.with_classes(facts.classes))
    folder = joining.folder
    own = folder is None or not _is_of(folder, settings)
    if own:
        folder = new_run_folder(folder, f"{joining.study}-worker")
        texts = {"space.yaml": text, SETTINGS_FILE: settings_text(settings)}
        with locked_run(folder):
            write_together(folder, texts)
    assert folder is not None
    job = Job(folder, settings, facts.classes, task_of(space).primary_metric, 0, None, worker=name)
    store.folder = folder
    if own:
        _prepare(folder, space, settings, say)
    append_log(folder, f"worker {name} joins {store.place}")
    say(f"Worker {name} joins {store.place}; its log is {folder / 'log.txt'}.")
    set_threads(settings.threads)
    _work(job, store, study, say)
    return folder


def _settings(written: dict[str, object], joining: Joining) -> SearchSettings:
    """The search's settings with what is this machine's own."""
    imports = written.get("imports") or ()
    assert isinstance(imports, Sequence)
    if missing := [name for name in imports if name not in joining.imports]:
        flags = " ".join(f"--import {name}" for name in missing)
        problem = f"the search was begun with modules of one's own, which are named again: {flags}"
        raise NasError(problem, key="--import")
    load_plugins(joining.imports)
    try:
        settings = SearchSettings.model_validate(written)
    except ValueError as error:
        problem = f"settings that this version can't read: {str(error).splitlines()[-1]}"
        raise NasError(problem, key="--study-name") from error
    if settings.data is None and joining.data is not None:
        raise NasError("the search is on built-in data: leave it out", key="--data")
    data = settings.data if joining.data is None else str(joining.data.resolve())
    if data is not None and not Path(data).exists():
        problem = f"the search's data are not at {data} here: give --data"
        raise NasError(problem, key="--data")
    groups = settings.groups if joining.groups is None else str(joining.groups.resolve())
    return settings.model_copy(
        update={
            "command": "",
            "data": data,
            "groups": groups,
            "storage": joining.storage,
            "workers": 1,
            "threads": joining.threads or usable_cores(),
            "device": joining.device,
        }
    )


def _refuse_other_program(settings: SearchSettings, say: Say) -> None:
    """Raises NasError for another version of this program; another PyTorch is told of."""
    here, there = environment(), settings.environment
    for name in ("compact-nas", "commit"):
        if "unknown" not in (here[name], there.get(name, "unknown")) and here[name] != there[name]:
            raise NasError(
                f"the search runs with {name} {there[name]}, here is {here[name]}: its trainings "
                "could not be compared (install the same)",
                key="--study-name",
            )
    if there.get("torch", here["torch"]) != here["torch"]:
        say(f"The search began with PyTorch {there['torch']}, here is {here['torch']}.")


def _is_of(folder: Path, settings: Settings) -> bool:
    """Whether a folder is the run's own, on a disk that both machines see."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    return f"study: {getattr(settings, 'study', None)}\n" in text


def _prepare(folder: Path, space: SpaceSpec, settings: SearchSettings, say: Say) -> None:
    """What a worker needs besides the data. Raises NasError for what only the search has."""
    if settings.search.evaluate == "shared" and not is_prepared(folder):
        raise NasError(
            "members are measured with one network, which lies in the search's own folder: name "
            "that folder, on a disk that both machines see",
            key="--out",
        )
    if settings.teacher_architecture is not None:
        raise NasError(
            "the networks are taught by one that the search trained in its own folder: name that "
            "folder, on a disk that both machines see",
            key="--out",
        )
    prepare_teacher(folder, space, settings, say)


def _work(job: Job, store: ServerStore, study: optuna.Study, say: Say) -> None:
    """The search's trials, then its finalists; an interruption returns what is in training."""
    with store.alive():
        try:
            work(job, store)
            if finalists_left(study, job):
                work(replace(job, stage="final"), store)
        except BaseException:
            store.hand_over(study)
            if store.finals_begun():
                store.hand_over(store.finals())
            raise
    say("Nothing is left to train.")
