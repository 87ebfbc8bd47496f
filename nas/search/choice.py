"""Which of the trained networks are on the front, and which of these is the best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.errors import NasError
from nas.runs.trials import TrialRecord
from nas.spec.budget import BudgetSpec
from nas.spec.score import parse_score


@dataclass(frozen=True)
class Choice:
    """The chosen trial, and why in words that end a sentence."""

    number: int
    because: str


def pareto_front(records: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """The trained networks than which no other is as good in MACs and metric and better in one.

    Cheapest first; of equal ones the first trained.
    """
    trained = [record for record in records if record.state == "trained"]
    front: list[TrialRecord] = []
    for record in sorted(trained, key=lambda item: (_macs(item), -_metric(item), item.number)):
        if not front or _metric(record) > _metric(front[-1]):
            front.append(record)
    return tuple(front)


def choose(front: Sequence[TrialRecord], budget: BudgetSpec, score: str | None) -> Choice | None:
    """The best member of the front: of lowest score, or without one the knee; None for no front.

    `min_macro_f1` of the budget leaves only the members that reach it; where none does, the one
    with the highest metric is chosen.
    """
    if not front:
        return None
    floor = budget.min_macro_f1
    able = [item for item in front if floor is None or _metric(item) >= floor]
    if not able:
        best = max(front, key=_metric)
        return Choice(best.number, f"none reached the macro-F1 of {floor}, and it came nearest")
    among = "" if floor is None else f" of those that reach a macro-F1 of {floor}"
    if score is None:
        return _at_knee(able, among)
    scores = {item.number: value for item in able if (value := _value(score, item)) is not None}
    if not scores:
        found = _at_knee(able, among)
        return Choice(
            found.number, f"the score {score} has no value on the front, and {found.because}"
        )
    lowest = min(scores, key=lambda number: scores[number])
    return Choice(lowest, f"its score {score} is the lowest{among}, {scores[lowest]:.4f}")


def _value(score: str, record: TrialRecord) -> float | None:
    """The score of a network, None where it has none, as with log(0)."""
    known = {
        "macs": record.macs,
        "parameters": record.parameters,
        "macro_f1": record.macro_f1,
        "accuracy": record.accuracy,
    }
    quantities: Mapping[str, float] = {
        name: value for name, value in known.items() if value is not None
    }
    try:
        value = parse_score(score)(quantities)
    except NasError:
        return None
    return None if math.isnan(value) else value


def _at_knee(members: Sequence[TrialRecord], among: str) -> Choice:
    because = f"it is the knee of the front{among}: both ways from it cost more than they give"
    return Choice(knee(members).number, because)


def knee(front: Sequence[TrialRecord]) -> TrialRecord:
    """The member farthest above the line from the cheapest to the best, by log-MACs and metric.

    Both axes run from 0 to 1 over the front, as in Satopaa et al. 2011 ("Kneedle", section 3). Of
    equals the one with the higher metric.
    """
    ordered = sorted(front, key=_macs)
    costs = [math.log(max(_macs(item), 1)) for item in ordered]
    gains = [_metric(item) for item in ordered]

    def rise(index: int) -> tuple[float, float]:
        cost = (costs[index] - costs[0]) / ((costs[-1] - costs[0]) or 1.0)
        gain = (gains[index] - gains[0]) / ((gains[-1] - gains[0]) or 1.0)
        return round(gain - cost, 12), gains[index]

    return ordered[max(range(len(ordered)), key=rise)]


def _macs(record: TrialRecord) -> int:
    return record.macs or 0


def _metric(record: TrialRecord) -> float:
    return record.macro_f1 or 0.0
