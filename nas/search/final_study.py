"""The study of the finalists' trainings: who trains which network with which seed."""

from collections.abc import Callable, Collection, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.runs.records import FinalRecord, FinalState
from nas.search.finalists import Final
from nas.search.store import StudyStore

Decide = Callable[[Sequence[FinalRecord]], Final | None]
"""From the trainings that are done or under way to the next one; None when there is no more."""


def claim_final(
    store: StudyStore, study: optuna.Study, decide: Decide
) -> tuple[optuna.Trial, Final] | None:
    """Take the next training, which no other worker then takes; None when there is no more.

    One that an interruption ended is taken again: nothing tells of it that it was begun.
    """
    while True:
        with store.claiming():
            final = decide(read_finals(study))
            if final is None:
                return None
            trial = _take(store, study, final)
            before = store.stake(study, trial.number, final.architecture_hash)
        if before is None or decide(read_finals(study, among=before)) == final:
            return trial, final
        study.tell(trial, state=TrialState.FAIL)  # others claimed meanwhile: decide anew


def _take(store: StudyStore, study: optuna.Study, final: Final) -> optuna.Trial:
    trial = store.take(study)
    for name in ("trial", "seed", "epochs", "found_among"):
        trial.set_user_attr(name, getattr(final, name))
    # Last: a worker that dies after it has died of this network.
    trial.set_user_attr("architecture_hash", final.architecture_hash)
    return trial


def read_finals(
    study: optuna.Study, among: Collection[int] | None = None
) -> tuple[FinalRecord, ...]:
    """All trainings that were begun and that no interruption ended, by trial and seed.

    Or those of them `among` the trials of these numbers.
    """
    deaths = study.user_attrs.get("deaths", {})
    read = [
        _record(item, deaths.get(str(item.number)))
        for item in study.get_trials(deepcopy=False)
        if among is None or item.number in among
    ]
    kept = [item for item in read if item is not None]
    return tuple(sorted(kept, key=lambda item: (item.trial, item.seed)))


def _record(trial: FrozenTrial, death: str | None) -> FinalRecord | None:
    """One training; None if it was ended before it came to anything."""
    attributes = trial.user_attrs
    reason = attributes.get("reason", death)
    if "architecture_hash" not in attributes or (trial.state == TrialState.FAIL and reason is None):
        return None
    states: dict[TrialState, FinalState] = {
        TrialState.COMPLETE: "trained",
        TrialState.FAIL: "failed",
    }
    return FinalRecord(
        trial=attributes["trial"],
        seed=attributes["seed"],
        state=states.get(trial.state, "running"),
        macs=None if trial.state != TrialState.COMPLETE else round(trial.values[0]),
        metric=None if trial.state != TrialState.COMPLETE else trial.values[1],
        metric_sd=attributes.get("validation_sd"),
        accuracy=attributes.get("metrics", {}).get("accuracy"),
        epochs=attributes["epochs"],
        found_among=attributes["found_among"],
        seconds=attributes.get("seconds"),
        reason=reason,
        history=tuple(attributes.get("history", ())),
    )
