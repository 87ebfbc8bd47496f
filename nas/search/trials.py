"""Results of trials: written to the study, read back as records."""

import math
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError
from nas.runs.costs import MACS, PARAMETERS
from nas.runs.folder import append_log
from nas.runs.records import TrialRecord
from nas.train.device import TrainingFailed

SEED_SHARE = 0.5
"""The seed's standard deviation, as a share of the validation sample's, before it is measured.

Measured were 0.43 (digits: 0.0055 of 0.0127) and 0.6 (trash photos: 0.018 of 0.03). The few tens of
networks of a search could be explained without any noise, so their model must be told of it.
"""


@dataclass(frozen=True)
class Candidate:
    """A network that a trial drew, and its cost."""

    architecture_yaml: str
    architecture_hash: str
    macs: int
    parameters: int
    further: Mapping[str, float] = field(default_factory=dict)
    """Further costs that are known before training, by name."""

    @property
    def costs(self) -> dict[str, float]:
        """All costs that are known before training, by name."""
        return {MACS: self.macs, PARAMETERS: self.parameters, **self.further}


def noise_sd(trial: FrozenTrial) -> float:
    """How uncertain the metric is that the trial was told: by its seed, or as a prediction."""
    known = trial.user_attrs
    seed_sd = SEED_SHARE * float(known.get("validation_sd") or 0.0)
    return math.hypot(float(known.get("predicted_sd") or 0.0), seed_sd)


def note_candidate(trial: optuna.Trial, candidate: Candidate, excess: float) -> None:
    """Write down what is known before training. `excess` is above 0 outside the budget."""
    trial.set_constraint("budget", excess)
    trial.set_user_attr("macs", candidate.macs)
    trial.set_user_attr("parameters", candidate.parameters)
    note_costs(trial, candidate.further)
    trial.set_user_attr("architecture", candidate.architecture_yaml)
    trial.set_user_attr("architecture_hash", candidate.architecture_hash)


def note_costs(trial: optuna.Trial, costs: Mapping[str, float]) -> None:
    """Write down costs besides MACs and parameters, with those that were known before."""
    if costs:
        trial.set_user_attr("costs", {**trial.user_attrs.get("costs", {}), **costs})


def note_outcome(trial: optuna.Trial, state: str, **values: Any) -> None:
    """Write down how the trial ended; `values` are attributes of the same names."""
    for name, value in values.items():
        trial.set_user_attr(name, value)
    trial.set_user_attr("outcome", state)


class StudyRecords:
    """A study's trials as records; those that have ended are made once."""

    def __init__(self, study: optuna.Study) -> None:
        self.study = study
        self._ended: dict[int, TrialRecord] = {}

    def read(self) -> tuple[TrialRecord, ...]:
        """All trials that were begun, in order. A trial that an interruption ended is left out."""
        trials = self.study.get_trials(deepcopy=False)
        fresh = [
            trial
            for trial in trials
            if trial.state != TrialState.WAITING and trial.number not in self._ended
        ]
        running = self._take_in(fresh) if fresh else {}
        known = self._ended | running
        records = [known[trial.number] for trial in trials if trial.number in known]
        return tuple(item for item in records if item.state != "failed" or item.reason is not None)

    def _take_in(self, trials: list[FrozenTrial]) -> dict[int, TrialRecord]:
        """Keep the ended trials, and return the running ones."""
        deaths = self.study.user_attrs.get("deaths", {})
        running: dict[int, TrialRecord] = {}
        for trial in trials:
            record = _record(trial, deaths.get(str(trial.number)))
            kept = running if record.state == "running" else self._ended
            kept[trial.number] = record
        return running


def records_of(study: optuna.Study) -> tuple[TrialRecord, ...]:
    """What `StudyRecords` reads, once."""
    return StudyRecords(study).read()


def _record(trial: FrozenTrial, death: str | None) -> TrialRecord:
    """One trial as a record; failed without a reason if an interruption ended it."""
    attributes = trial.user_attrs
    outcome = state = attributes.get("outcome", "failed")
    if trial.state == TrialState.RUNNING:
        state = "running"
    elif trial.state == TrialState.FAIL and state != "duplicate":
        state = "failed"
    told = trial.state == TrialState.COMPLETE and state != "over_budget"
    predicted = attributes.get("predicted")  # of a stopped trial, or of one that repeats it
    return TrialRecord(
        number=trial.number,
        state=state,
        costs=_costs(attributes),
        metric=trial.values[-1] if told and predicted is None else None,
        architecture_hash=attributes.get("architecture_hash"),
        seconds=attributes.get("seconds"),
        # A trial that was killed after its outcome was noted, before it was told, has none.
        reason=attributes.get("reason", death) if state == outcome else death,
        accuracy=attributes.get("metrics", {}).get("accuracy"),
        architecture_yaml=attributes.get("architecture"),
        history=tuple(attributes.get("history", ())),
        predicted=predicted,
        predicted_sd=attributes.get("predicted_sd"),
        epochs=attributes.get("epochs"),
        short_history=tuple(attributes.get("short_history", ())),
        validation_sd=attributes.get("validation_sd"),
    )


def _costs(attributes: Mapping[str, Any]) -> dict[str, float]:
    always = {name: attributes[name] for name in (MACS, PARAMETERS) if name in attributes}
    return {**always, **attributes.get("costs", {})}


def count_spent(records: Iterable[TrialRecord]) -> int:
    """How many trainings are used up: those that ended, were stopped, or failed."""
    return sum(record.state in ("trained", "stopped", "failed") for record in records)


MAX_REASON = 500
"""Characters of a failure's reason that are kept."""


def note_failure(
    folder: Path,
    study: optuna.Study,
    trial: optuna.Trial,
    name: str,
    error: Exception,
    **known: Any,
) -> None:
    """Tell the study and `log.txt` that the training called `name` failed, and why.

    `known` are further attributes of the trial. A fault of the program's own is logged whole.
    """
    reason = reason_of(error)
    append_log(folder, f"{name} failed: {reason}")
    if not isinstance(error, TrainingFailed | NasError):
        append_log(folder, "".join(traceback.format_exception(error)))
    note_outcome(trial, "failed", reason=reason, **known)
    study.tell(trial, state=TrialState.FAIL)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def reason_of(error: Exception) -> str:
    """What is kept of an error that ended a training."""
    if isinstance(error, TrainingFailed | NasError):
        return str(error)[:MAX_REASON]
    return f"{type(error).__name__}: {error}"[:MAX_REASON]
