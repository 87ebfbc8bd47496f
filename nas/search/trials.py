"""What a study's trials say of networks: written to the journal, read back as records."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.runs import TrialRecord

@dataclass(frozen=True)
class Candidate:
    """A network that a trial drew, and its cost."""

    architecture_yaml: str
    architecture_hash: str
    macs: int
    parameters: int


def note_candidate(trial: optuna.Trial, candidate: Candidate, excess: float) -> None:
    """Write down what is known before training. `excess` is above 0 outside the budget."""
    trial.set_constraint("budget", excess)
    trial.set_user_attr("macs", candidate.macs)
    trial.set_user_attr("parameters", candidate.parameters)
    trial.set_user_attr("architecture", candidate.architecture_yaml)
    trial.set_user_attr("architecture_hash", candidate.architecture_hash)


def note_outcome(trial: optuna.Trial, state: str, **values: Any) -> None:
    """Write down how the trial ended; `values` are attributes of the same names."""
    for name, value in values.items():
        trial.set_user_attr(name, value)
    trial.set_user_attr("outcome", state)


def note_deaths(study: optuna.Study, numbers: Iterable[int], reason: str) -> None:
    """Write down why trials ended whose process is gone and can't say so itself."""
    deaths = dict(study.user_attrs.get("deaths", {}))
    deaths.update({str(number): reason for number in numbers})
    study.set_user_attr("deaths", deaths)


def records_of(study: optuna.Study) -> tuple[TrialRecord, ...]:
    """All trials that were begun, in order. A trial that an interruption ended is left out."""
    deaths = study.user_attrs.get("deaths", {})
    records = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state == TrialState.WAITING:
            continue
        record = _record(trial, deaths.get(str(trial.number)))
        if record.state != "failed" or record.reason is not None:
            records.append(record)
    return tuple(records)


def _record(trial: FrozenTrial, death: str | None) -> TrialRecord:
    """One trial as a record; failed without a reason if an interruption ended it."""
    attributes = trial.user_attrs
    state = attributes.get("outcome", "failed")
    if trial.state == TrialState.RUNNING:
        state = "running"
    elif trial.state == TrialState.FAIL:
        state = "failed"
    measured = state in ("trained", "duplicate")
    return TrialRecord(
        number=trial.number,
        state=state,
        macs=attributes.get("macs"),
        parameters=attributes.get("parameters"),
        macro_f1=trial.values[1] if measured else None,
        architecture_hash=attributes.get("architecture_hash"),
        seconds=attributes.get("seconds"),
        reason=attributes.get("reason", death),
        accuracy=attributes.get("metrics", {}).get("accuracy"),
        architecture_yaml=attributes.get("architecture"),
        history=tuple(attributes.get("history", ())),
    )


def count_spent(records: Iterable[TrialRecord]) -> int:
    """How many trainings are used up: those that ended, with a metric or a failure."""
    return sum(_was_training(record) for record in records)


def _was_training(record: TrialRecord) -> bool:
    return record.state == "trained" or (record.state == "failed" and not is_repeat(record))


def is_repeat(record: TrialRecord) -> bool:
    """True for a trial that failed only since its network was in training elsewhere, or had failed."""
    return (record.reason or "").startswith("repeats trial")
