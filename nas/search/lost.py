"""Trials that go from worker to worker: who waits for one, and who comes too late with it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError

from nas.runs.folder import append_log
from nas.search.store import StudyStore

WAIT_S = 1.0
"""Seconds after which a worker with nothing to do looks again."""

Work = TypeVar("Work")


def while_others_run(
    store: StudyStore, study: optuna.Study, take: Callable[[], Work | None]
) -> Iterator[Work]:
    """What `take` gives, until it gives None while no other worker holds a trial.

    What a worker held that dies comes back, so that the last ones wait for it.
    """
    idle = False
    while True:
        work = take()
        if work is not None:
            idle = False
            yield work
        elif store.others_run(study):
            idle = False
            time.sleep(WAIT_S)
        elif idle or not store.shared:
            return
        else:  # one may have come back between the two looks
            idle = True


@contextmanager
def dropped_if_lost(folder: Path, study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
    """Drop what is told of a trial that was given to another worker meanwhile."""
    try:
        yield
    except (UpdateFinishedTrialError, ValueError) as error:
        trials = {item.number: item for item in study.get_trials(deepcopy=False)}
        if not trials[trial.number].state.is_finished():
            raise
        append_log(folder, f"trial {trial.number} has ended without this worker: {error}")
