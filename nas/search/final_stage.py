"""The last stage of a search: its finalists are trained again, in the same worker processes."""

import math
import time
from dataclasses import replace

import optuna

from nas.report.lines import Say
from nas.report.tables import metric_title, seconds_text, seeds_text
from nas.runs.records import FinalRecord
from nas.search.executors.base import open_executor
from nas.search.final_study import read_finals
from nas.search.final_trainer import Found
from nas.search.finalists import FinalPlan, FinalShare, next_final
from nas.search.job import Job
from nas.text_table import metric_text

NO_TIME = "No time was left to train finalists again; --resume with more --minutes does it."


def finalists_left(study: optuna.Study, job: Job) -> bool:
    """Whether a finalist is to be trained of what the study has found so far."""
    if not FinalPlan.of(job.settings).finalists:
        return False
    store = job.store()
    finals = store.finals()
    store.recover(finals)
    return _next_is_there(finals, Found.of(study, job.objectives), job)


def _next_is_there(finals: optuna.Study, found: Found, job: Job) -> bool:
    begun, goals = read_finals(finals), job.objectives
    following = next_final(found.records, found.posterior, begun, job.settings, objectives=goals)
    return following is not None


def train_finalists(study: optuna.Study, job: Job, say: Say) -> None:
    """Train the finalists of what the study found, as far as there is time.

    What an interruption left, then or now, is begun again when the search goes on.
    """
    plan = FinalPlan.of(job.settings)
    if not plan.finalists:
        return
    store = job.store()
    finals = store.finals()
    store.recover(finals)
    found = Found.of(study, job.objectives)
    if not _next_is_there(finals, found, job):
        return
    if job.deadline is not None and time.monotonic() >= job.deadline:
        say(NO_TIME)
        return
    count = min(job.settings.workers, plan.trainings)
    whole = FinalShare(plan, job.trained_epochs, max(1, count), math.inf)
    say(_announcement(plan, whole.seconds(found.records)))
    watch = FinalWatch(finals, found, job.metric, say)
    try:
        with open_executor(finals, replace(job, stage="final"), count) as workers:
            workers.run(watch.poll)
    finally:
        watch.poll()
        store.recover(finals)
    if not watch.ended and job.deadline is not None and time.monotonic() >= job.deadline:
        say(NO_TIME)


def _announcement(plan: FinalPlan, seconds: float) -> str:
    known = f" ({seconds_text(seconds)} by the trainings so far)" if math.isfinite(seconds) else ""
    return (
        f"Finalists: at most {plan.finalists} of the front, trained again with "
        f"{seeds_text(len(plan.seeds))} to see what they surely reach{known}."
    )


class FinalWatch:
    """Reports each of the finalists' trainings that ends."""

    def __init__(self, finals: optuna.Study, found: Found, metric: str, say: Say) -> None:
        self.finals = finals
        self.found = found
        self.title = metric_title(metric)
        self.say = say
        self.ended = 0
        """Trainings that ended since it watches."""
        self._told = {_name(item) for item in read_finals(finals)}

    def poll(self) -> None:
        """Tell of those that have ended since the last call."""
        for item in read_finals(self.finals):
            if item.state != "running" and _name(item) not in self._told:
                self._told.add(_name(item))
                self.ended += 1
                self.say(self._line(item))

    def _line(self, item: FinalRecord) -> str:
        text = f"trial {item.trial:>3}  seed {item.seed}  "
        if item.state == "failed":
            return f"{text}failed: {item.reason}"
        before = metric_text(self.found.record(item.trial).metric)
        return (
            f"{text}{self.title} {metric_text(item.metric)}, {before} when it was found, "
            f"{seconds_text(item.seconds)}"
        )


def _name(item: FinalRecord) -> tuple[int, int]:
    return item.trial, item.seed
