"""Runs a search, or resumes one, and writes its results."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import optuna
from numpy.random import default_rng

from nas.errors import NasError
from nas.files import write_together
from nas.report.lines import Say
from nas.runs.folder import append_log, in_use, locked_run, new_run_folder, refuse_taken
from nas.search.address import check_address, is_address
from nas.search.budget_check import check_budget
from nas.search.choice import check_score
from nas.search.continuity import (
    refuse_lost_journal,
    refuse_lost_trials,
    refuse_other_data,
    refuse_other_space,
)
from nas.search.data import DataFacts, examine_data
from nas.search.executors.base import open_executor
from nas.search.final_stage import finalists_left, train_finalists
from nas.search.finish import FinishRequest, ask_to_finish, forget_finish
from nas.search.job import Job
from nas.search.pricing import PricedSpace
from nas.search.results import SearchResult, write_results
from nas.search.samplers import check_sampler
from nas.search.settings import (
    SETTINGS_FILE,
    SearchSettings,
    objectives_of,
    read_settings,
    settings_text,
    write_settings,
)
from nas.search.shared import check_shared, prepare_shared
from nas.search.stopping.plan import plan_stops
from nas.search.store import StudyStore, open_store
from nas.search.teacher import check_settings, prepare_teacher
from nas.search.trials import count_spent, records_of
from nas.search.watch import Watch, shortfall
from nas.spec.space import SpaceSpec, load_space
from nas.spec.trial import RandomTrial
from nas.tasks.registry import task_of
from nas.train.begin import begun_space


class SearchInterrupted(Exception):
    """Ctrl-C, or SIGTERM to `nas`, ended the search.

    `result`, written to its folder, is None if nothing was begun.
    """

    def __init__(self, folder: Path, result: SearchResult | None) -> None:
        super().__init__("interrupted")
        self.folder = folder
        self.result = result


def run_search(
    space: SpaceSpec | str | Path,
    settings: SearchSettings | None = None,
    *,
    out: str | Path | None = None,
    say: Say = print,
) -> SearchResult:
    """Search a space for networks with few multiply-adds and a high metric.

    Args:
        space: The space, its YAML file, or the name of an installed one.
        settings: All that is asked for. None: `SearchSettings.for_space(space)`, which is what
            the space's file says, on the task's built-in data.
        out: A new folder. None: `runs/NAME` with the space's name.
        say: Is told what a person should know, a line at a time; the trials themselves are shown
            on standard output as they end.

    Trainings run in processes of their own, so a script calls this under
    `if __name__ == "__main__":`. Raises NasError for data or settings that can't serve, before
    anything is written, and SearchInterrupted for Ctrl-C; `resume_search` goes on then.
    """
    out = None if out is None else Path(out)
    space = space if isinstance(space, SpaceSpec) else load_space(space)
    settings = SearchSettings.for_space(space) if settings is None else settings
    space = begun_space(space)
    refuse_taken(out)
    _check_settings(space, settings)
    check_settings(settings)
    _refuse_begun(settings)
    facts = examine_data(space, settings, say)
    settings = settings.model_copy(update={"training": facts.recipe.training})
    folder = new_run_folder(out, space.name)
    if is_address(settings.storage) and settings.study is None:
        settings = settings.model_copy(update={"study": folder.resolve().name})
    with _working_in(folder):
        refuse_taken(folder)  # another process may have been given the same empty folder
        _refuse_begun(settings)
        texts = {"space.yaml": space.document.text, SETTINGS_FILE: settings_text(settings)}
        write_together(folder, texts)
        return _search(folder, space, settings, facts, say)


def resume_search(
    folder: str | Path,
    *,
    imports: Sequence[str] = (),
    say: Say = print,
    change: Callable[[SearchSettings], SearchSettings] | None = None,
) -> SearchResult:
    """Go on with the search in `folder` to its number of trials; `change` may alter its settings.

    `imports` names again the modules of one's own that it was begun with: a folder, which may be
    somebody else's, imports none by itself. Raises NasError for a folder that holds no search, or
    in which another one runs.
    """
    return _go_on(_run_folder(folder), imports, say, change)


def finish_search(
    folder: str | Path,
    *,
    finalists: int | None = None,
    imports: Sequence[str] = (),
    say: Say = print,
    change: Callable[[SearchSettings], SearchSettings] | None = None,
) -> SearchResult | None:
    """End the search in `folder` with what was trained: train its finalists, write its results.

    `finalists` are as many as the settings say, or so many instead; 0 is none. Of a search that
    runs now, its own process is told to do so, once the networks in training have ended: then None
    comes back at once. `imports` and `change` as for `resume_search`, which can go on later.
    """
    folder = _run_folder(folder)
    request = FinishRequest(finalists=finalists)
    if in_use(folder):
        ask_to_finish(folder, request)
        then = "trains its finalists, " if finalists != 0 else ""
        say(
            f"The search that runs in {folder} was told to finish: it begins no further network, "
            f"ends those in training, {then}and writes its results."
        )
        return None
    return _go_on(folder, imports, say, change, request)


def _run_folder(folder: str | Path) -> Path:
    """The folder of a search. Raises NasError where it holds none."""
    folder = Path(folder)
    if not (folder / "space.yaml").is_file() or not (folder / "settings.yaml").is_file():
        raise NasError("holds no search: space.yaml or settings.yaml is missing", file=folder)
    return folder


def _go_on(
    folder: Path,
    imports: Sequence[str],
    say: Say,
    change: Callable[[SearchSettings], SearchSettings] | None,
    finish: FinishRequest | None = None,
) -> SearchResult:
    with _working_in(folder):
        settings = read_settings(folder, imports)
        refuse_lost_journal(folder, settings)
        if change is not None:
            settings = change(settings)
        space = load_space(folder / "space.yaml")
        _check_settings(space, settings)
        facts = examine_data(space, settings, say)
        settings = settings.model_copy(update={"training": facts.recipe.training})
        write_settings(folder, settings)
        return _search(folder, space, settings, facts, say, finish)


def _check_settings(space: SpaceSpec, settings: SearchSettings) -> None:
    """Raises NasError for settings that don't fit each other, or the space's task."""
    if is_address(settings.storage):
        check_address(settings.storage)
    elif not settings.workers:
        problem = "nobody would train: 0 is for a study that others join (--storage)"
        raise NasError(problem, key="--workers")
    check_shared(space, settings)
    plan_stops(settings.search, settings.training.epochs)  # refuses a short training that is none
    check_score(space, settings.score)
    objectives = objectives_of(settings, task_of(space).primary_metric)
    priced = PricedSpace(space, settings.budget, objectives)
    objectives.count(priced.draw(RandomTrial(default_rng(0))))
    check_budget(priced)
    search = settings.search
    check_sampler(search.sampler, objectives, per_second=search.per_second)


def _refuse_begun(settings: SearchSettings) -> None:
    """Raises NasError where a new search would go on with another one's study."""
    if not is_address(settings.storage):
        return
    store = open_store(settings.storage, Path(), None, settings.study or "any")
    known = store.begun()  # connects, to say now what is wrong
    if known and settings.study is not None:
        raise NasError(
            f"{store.place} is there already: `nas worker` joins it, --resume FOLDER goes on with "
            "it, --study-name NAME begins another",
            key="--study-name",
        )


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """Hold the folder; what the disk refuses is the user's to mend, and Ctrl-C names the folder."""
    try:
        with locked_run(folder):
            yield
    except BrokenPipeError:
        raise  # who reads the output went away: nothing is wrong with the folder
    except OSError as error:
        raise NasError(error.strerror or str(error), file=error.filename or folder) from error
    except KeyboardInterrupt:
        raise SearchInterrupted(folder, None) from None


def _search(
    folder: Path,
    space: SpaceSpec,
    settings: SearchSettings,
    facts: DataFacts,
    say: Say,
    finish: FinishRequest | None = None,
) -> SearchResult:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for problem in facts.unreadable:
        append_log(folder, f"left out: {problem}")
    for line in facts.recipe.lines:
        append_log(folder, line)
    minutes = settings.search.minutes
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    job = Job(folder, settings, facts.classes, task_of(space).primary_metric, 0, deadline)
    store = job.store()
    store.forget_finish()
    with store.alone():  # the workers of a killed search end within a second
        study = store.search(job.objectives.directions)
        refuse_lost_trials(study, store)
        refuse_other_data(study, store, facts)
        refuse_other_space(study, space.with_classes(facts.classes))
        again = _requeue_running(study, store)
        store.publish(space, settings)
    with store.overseeing(deadline):
        return _oversee(study, store, job, space, facts, say, finish, again)


def _oversee(
    study: optuna.Study,
    store: StudyStore,
    job: Job,
    space: SpaceSpec,
    facts: DataFacts,
    say: Say,
    finish: FinishRequest | None,
    again: int,
) -> SearchResult:
    """Let the workers train, then the finalists, and write what came of it."""
    folder, settings = job.folder, job.settings
    if again:
        say(f"{again} trials were interrupted and are begun again")
    if finish is not None:
        store.pass_on(finish)
        job = replace(job, settings=finish.applied_to(settings))
    if finish is None or finalists_left(study, job):
        prepare_teacher(folder, space, settings, say)
    try:
        if finish is None:
            if count_spent(records_of(study)) < settings.search.trials:
                prepare_shared(folder, space.with_classes(facts.classes), settings, say)
            _train_candidates(study, job, facts, say)
            finish = store.finishing()
        if finish is not None:
            job = replace(job, settings=finish.applied_to(settings))
        short = shortfall(study, job, finished=finish is not None)
        train_finalists(study, job, say)
    except KeyboardInterrupt:
        result = _end_early(job, facts)
        raise SearchInterrupted(folder, result) from None
    except NasError:
        _end_early(job, facts)
        store.pass_on(FinishRequest(finalists=0))  # what is wrong is so for all
        raise
    result = write_results(study, job, facts)
    forget_finish(folder)
    if not result.front:
        raise NasError(short or "every training failed", file=folder)
    if short is not None:
        say(short)
    return result


def _requeue_running(study: optuna.Study, store: StudyStore) -> int:
    """End the trials that an interruption left running, and put them in the queue again."""
    ended = store.recover(study)
    for trial in ended:
        whole = "architecture_hash" in trial.user_attrs  # else it is drawn again, as a whole
        study.enqueue_trial(trial.params if whole else {})
    return len(ended)


def _end_early(job: Job, facts: DataFacts) -> SearchResult:
    """Leave what was under way for later, and write what there is.

    The study is read anew: what interrupted may have come while it was being read.
    """
    store = job.store()
    study = store.search(job.objectives.directions)
    _requeue_running(study, store)
    return write_results(study, job, facts, ended=False)


def _train_candidates(study: optuna.Study, job: Job, facts: DataFacts, say: Say) -> None:
    """Run the workers until all networks are trained, or time or space are used up."""
    wanted = job.settings.search.trials
    left = wanted - count_spent(records_of(study))
    if left <= 0:
        say(f"all {wanted} trials are done; --trials N goes on to N")
        return
    count = min(job.settings.workers, left)
    watch = Watch(study, job, max(1, count), facts)
    with watch, open_executor(study, job, count) as workers:
        workers.run(watch.poll)
