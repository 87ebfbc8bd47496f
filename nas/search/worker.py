"""One worker process of a search: draws candidates, trains them, writes down what came of it."""

import os
import sys
import threading
import time
import traceback
from dataclasses import replace

import optuna

from nas.errors import NasError
from nas.plugins import load_plugins
from nas.runs.folder import append_log
from nas.search.candidates import Exhausted, Limits, NothingLeft, Proposal, Proposer
from nas.search.durations import Durations
from nas.search.final_trainer import FinalTrainer, Found
from nas.search.job import Job
from nas.search.lost import dropped_if_lost, while_others_run
from nas.search.pricing import PricedSpace
from nas.search.samplers import Draws
from nas.search.store import StudyStore
from nas.search.trainer import CandidateTrainer
from nas.spec.space import SpaceSpec, load_space
from nas.tasks.registry import task_named
from nas.train.device import set_threads

PARENT_POLL_S = 0.5
ENDS = " ends: "
"""Before the reason of a worker that ends, in the log."""


def work_in_process(job: Job, parent: int) -> None:
    """The main function of a worker process: `work`, ended when the process `parent` is gone."""
    load_plugins(job.settings.imports)
    store = job.store(job.worker or os.getpid())
    with store.alive():
        if os.getppid() != parent:  # it died while this process started
            return
        threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
        set_threads(job.settings.threads)
        try:
            work(job, store)
        except Exception as error:
            _log_end(job, error)
            sys.exit(1)


def _follow_parent(parent: int) -> None:
    """End this process when its parent was killed: its trials would otherwise go on unseen."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(1)


def _log_end(job: Job, error: Exception) -> None:
    known = isinstance(error, NasError | OSError)
    text = str(error) if known else traceback.format_exc()
    try:
        append_log(job.folder, f"worker {job.index}{ENDS}{text}")
    except OSError:  # a full disk, or a folder that is gone
        print(f"worker {job.index}{ENDS}{text}", file=sys.stderr)


def work(job: Job, store: StudyStore) -> None:
    """Train networks until the trainings, the time or the new networks are used up."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = load_space(job.folder / "space.yaml").with_classes(job.classes)
    study = store.search(job.objectives.directions)
    if job.stage == "final":
        task, found = task_named(space.task), Found.of(study, job.objectives)
        trainer = FinalTrainer(job.folder, job.settings, space, task, found)
        trainer.run(store, job.deadline)
    else:
        _search(job, space, study, store)


def _search(job: Job, space: SpaceSpec, study: optuna.Study, store: StudyStore) -> None:
    search = job.settings.search
    priced = PricedSpace(space, job.settings.budget, job.objectives)
    durations = Durations(priced) if search.per_second else None
    seconds = None if durations is None else durations.seconds
    draws = Draws(search.sampler, search.seed, priced, seconds, worker=_own_draws(store))
    proposer = Proposer(study, draws, _limits(job, store), store)
    trainer = CandidateTrainer(job.folder, job.settings, space, task_named(space.task))

    def take() -> Proposal | None:
        if durations is not None:
            durations.learn(study.get_trials(deepcopy=False))
        proposer.limits = _limits(job, store)
        try:
            return proposer.propose()
        except Exhausted:
            raise
        except NothingLeft:
            return None

    try:
        for proposal in while_others_run(store, study, take):
            with dropped_if_lost(job.folder, study, proposal.trial):
                trainer.train(study, proposal)
    except Exhausted as end:
        append_log(job.folder, f"worker {job.index}{ENDS}{end}")
        study.set_user_attr("exhausted", str(end))


def _limits(job: Job, store: StudyStore) -> Limits:
    job = replace(job, deadline=store.deadline(job.deadline))
    trials = job.settings.search.trials
    return Limits(job.settings.budget, trials, job.deadline, job.final_share)


def _own_draws(store: StudyStore) -> str:
    """Where nobody waits for another one's draw, two would draw the same."""
    return str(store.worker) if store.shared else ""
