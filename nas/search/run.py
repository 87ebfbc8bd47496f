"""A whole search: set up or taken up again, watched, and its results written."""

import time
from collections.abc import Callable
from pathlib import Path

import optuna

from nas.errors import NasError
from nas.report.progress import SearchProgress
from nas.runs import TrialRecord, append_log, atomic_write_text, locked_run, write_trials_csv
from nas.search.executor import LocalWorkers, fail_running
from nas.search.journal import open_study
from nas.search.results import SearchResult, write_results
from nas.search.settings import SearchSettings, read_settings, write_settings
from nas.search.trials import count_spent, records_of
from nas.search.worker import Job, load_search_data
from nas.spec.definition import InputSpec
from nas.spec.space import SpaceSpec, load_space
from nas.tasks.registry import task_named

Say = Callable[[str], None]


class SearchInterrupted(Exception):
    """Ctrl-C ended the search; its results so far are written."""

    def __init__(self, result: SearchResult) -> None:
        super().__init__("interrupted")
        self.result = result


def begin_search(
    folder: Path, space: SpaceSpec, settings: SearchSettings, *, say: Say = print
) -> SearchResult:
    """Search in a new, empty folder. Raises NasError for data or settings that can't serve."""
    atomic_write_text(folder / "space.yaml", space.document.text)
    write_settings(folder, settings)
    return continue_search(folder, say=say)


def continue_search(
    folder: Path,
    *,
    say: Say = print,
    change: Callable[[SearchSettings], SearchSettings] | None = None,
) -> SearchResult:
    """Go on with the search in `folder` to its number of trials; `change` may alter its settings.

    Raises NasError for a folder that holds no search, or in which another one runs.
    """
    if not (folder / "space.yaml").is_file() or not (folder / "settings.yaml").is_file():
        raise NasError("holds no search: space.yaml or settings.yaml is missing", file=folder)
    with locked_run(folder):
        settings = read_settings(folder)
        if change is not None:
            settings = change(settings)
            write_settings(folder, settings)
        return _search(folder, settings, say)


def _search(folder: Path, settings: SearchSettings, say: Say) -> SearchResult:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = load_space(folder / "space.yaml")
    task = task_named(space.task)
    channels, height, width = space.input.shapes()[0]
    size = InputSpec(channels=channels, height=height, width=width)
    data = load_search_data(task, space, settings, size)
    for problem in data.unreadable:
        append_log(folder, f"left out: {problem}")
    if data.unreadable:
        say(f"{len(data.unreadable)} files can't be read and are left out; log.txt names them")
    study = open_study(folder / "study.log")
    again = _requeue_interrupted(study)
    if again:
        say(f"{again} trials were interrupted and are begun again")
    records = records_of(study)
    left = settings.search.trials - count_spent(records)
    if left <= 0:
        say(f"all {settings.search.trials} trials are done; --trials N goes on to N")
        return write_results(folder, records, settings)
    minutes = settings.search.minutes
    deadline = None if minutes is None else time.time() + 60 * minutes
    job = Job(folder, settings, data.classes, 0, deadline)
    del data  # the workers map the cached arrays themselves
    return _watch(study, job, left, records)


def _requeue_interrupted(study: optuna.Study) -> int:
    """End the trials that a kill left running, and put their networks in the queue again."""
    numbers = fail_running(study)
    trials = study.get_trials(deepcopy=False)
    for number in numbers:
        study.enqueue_trial(trials[number].params)
    return len(numbers)


def _watch(
    study: optuna.Study, job: Job, trainings: int, earlier: tuple[TrialRecord, ...]
) -> SearchResult:
    """Run the workers to the end, telling of each finished trial."""
    settings = job.settings
    limit = None if job.deadline is None else job.deadline - time.time()
    seen = {record.number for record in earlier}

    def on_poll() -> None:
        records = records_of(study)
        fresh = [item for item in records if item.number not in seen and item.state != "running"]
        for record in fresh:
            seen.add(record.number)
            progress.finished(record, sum(item.state == "trained" for item in records))
        if fresh:
            write_trials_csv(job.folder / "trials.csv", records)
        progress.waiting(_doing(records))

    progress = SearchProgress(
        settings.search.trials, workers=settings.workers, time_limit_s=limit, earlier=earlier
    )
    try:
        with progress, LocalWorkers(study, job, trainings) as workers:
            workers.wait(on_poll)
    except KeyboardInterrupt:
        fail_running(study)
        result = write_results(job.folder, records_of(study), settings)
        raise SearchInterrupted(result) from None
    records = records_of(study)
    result = write_results(job.folder, records, settings)
    if not result.front:
        raise NasError(_nothing_trained(records), file=job.folder)
    return result


def _doing(records: tuple[TrialRecord, ...]) -> str:
    running = [f"{record.number}" for record in records if record.state == "running"]
    return f"training {', '.join(running)}" if running else ""


def _nothing_trained(records: tuple[TrialRecord, ...]) -> str:
    """Why a search has no network to show."""
    failed = [record for record in records if record.state == "failed"]
    over = [record.macs for record in records if record.state == "over_budget" and record.macs]
    if failed:
        return f"no network could be trained; the last one failed: {failed[-1].reason}"
    if over:
        return (
            f"no network is within the budget: the smallest of {len(over)} drawn has {min(over):,} MACs "
            "(`nas space check` shows what the space holds)"
        )
    return "no network was trained in the time given"
