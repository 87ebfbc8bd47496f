"""Watches a study while workers fill it: progress, the table of trials, an early end."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import optuna

from nas.errors import NasError
from nas.report.progress import SearchProgress
from nas.runs.records import TrialRecord, write_trials_csv
from nas.search.candidates import Limits
from nas.search.data import DataFacts
from nas.search.finish import finish_request
from nas.search.job import Job
from nas.search.results import write_standing
from nas.search.trials import StudyRecords, count_spent, records_of

MAX_FAILURES = 5
"""Trainings that may fail before the first success: then it is not the networks that are wrong."""


STANDING_SHARE = 0.05
"""Of the time, what may at most be spent on writing the front while the search goes on."""


class Watch:
    """Tells of each trial that ends, and keeps the front written; a context that holds the
    terminal."""

    def __init__(self, study: optuna.Study, job: Job, workers: int, data: DataFacts) -> None:
        self.job = job
        self.data = data
        self.objectives = job.objectives
        self.records = StudyRecords(study)
        earlier = self.records.read()
        self.progress = SearchProgress(
            job.settings.search.trials,
            metric=job.metric,
            cost=self.objectives.axis.kind,
            workers=workers,
            time_limit_s=None if job.deadline is None else job.deadline - time.monotonic(),
            earlier=earlier,
        )
        self._told = {record.number for record in earlier}
        self._trained = sum(_was_trained(record) for record in earlier)
        self._failures: list[str | None] | None = []
        """Why all trainings failed so far; None after a success."""
        self._unwritten = False
        """Whether a network was trained since the front was written."""
        self._write_from = 0.0
        """Time of `time.monotonic()` from which the front may be written again."""
        self._finishing = False

    def __enter__(self) -> Self:
        self.progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._tell_ended()  # what ended while the workers were being stopped
        finally:
            self.progress.__exit__(kind, error, trace)

    def poll(self) -> None:
        """Tell of the trials that have ended since the last call.

        Raises NasError when trainings fail one after the other from the beginning.
        """
        self._tell_ended()
        self._write_standing()
        self._tell_finish()
        if self._failures is not None and len(self._failures) >= MAX_FAILURES:
            raise NasError(
                f"the first {MAX_FAILURES} trainings failed, so the search stops; the last one: "
                f"{self._failures[-1]} (log.txt tells more; --resume goes on once that is mended)",
                file=self.job.folder,
            )

    def _tell_ended(self) -> None:
        records = self.records.read()
        fresh = [item for item in records if item.number not in self._told]
        running = [str(item.number) for item in fresh if item.state == "running"]
        for record in fresh:
            if record.state != "running":
                with _signals_held():
                    self._tell(record)
        if len(fresh) > len(running):
            further = [item.name for item in self.objectives.further]
            write_trials_csv(self.job.folder / "trials.csv", records, self.job.metric, further)
        self.progress.waiting(f"training {', '.join(running)}" if running else "")

    def _write_standing(self) -> None:
        """Write the front and the best network, if there is news of two networks or more.

        What the model behind the choice takes grows with the study: so it waits in proportion.
        """
        start = time.monotonic()
        if not self._unwritten or self._trained < 2 or start < self._write_from:
            return
        write_standing(self.records.study, self.job, self.data)
        self._unwritten = False
        end = time.monotonic()
        self._write_from = end + (end - start) / STANDING_SHARE

    def _tell_finish(self) -> None:
        if self._finishing or finish_request(self.job.folder) is None:
            return
        self._finishing = True
        self.progress.note("--finish was asked for: no further network is begun")

    def _tell(self, record: TrialRecord) -> None:
        self._told.add(record.number)
        if _was_trained(record):
            self._trained += 1
            self._unwritten = True
            self._failures = None
        elif record.state == "failed" and self._failures is not None:
            self._failures.append(record.reason)
        self.progress.finished(record, self._trained)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait: a trial is told of once and counted once, not in part.

    Not by a mask: it is a thread's own, and a signal that another thread takes is heard here too.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    held = {number: handler for number, handler in before.items() if handler is not None}
    for number in held:
        if held[number] is not signal.SIG_IGN:
            signal.signal(number, lambda which, frame: came.append(which))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for which in came:
            signal.raise_signal(which)


def _was_trained(record: TrialRecord) -> bool:
    """Whether a training gave the network a value, be it a predicted one."""
    return record.state in ("trained", "stopped")


def shortfall(study: optuna.Study, job: Job, *, finished: bool = False) -> str | None:
    """Why an ended search trained fewer networks than it was asked for; None if it did not.

    `finished` tells that somebody asked it to end.
    """
    records = records_of(study)
    wanted = job.settings.search.trials
    trained = sum(_was_trained(record) for record in records)
    done = f"{trained} of {wanted} networks were trained"
    if count_spent(records) >= wanted:
        failed = [record for record in records if record.state == "failed"]
        return f"{done}; the last failure: {failed[-1].reason}" if failed else None
    if finished:
        return f"Finished as it was asked to: {done}; --resume goes on to all."
    limits = Limits(job.settings.budget, wanted, job.deadline, job.final_share)
    if limits.time_is_up(records):
        return f"The time is up: {done}."
    return f"{done}: {study.user_attrs.get('exhausted', 'log.txt tells why')}"
