"""Which of the trained networks are on the front, and which of these is the best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nas.runs import TrialRecord
from nas.spec.budget import BudgetSpec
from nas.spec.score import parse_score


@dataclass(frozen=True)
class Choice:
    """The chosen trial, and why in words that end a sentence."""

    number: int
    because: str


def pareto_front(records: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """The trained networks that no other beats in one of MACs and metric and equals in the other.

    Cheapest first; of equal ones the first trained.
    """
    trained = [record for record in records if record.state == "trained"]
    front: list[TrialRecord] = []
    for record in sorted(trained, key=lambda item: (item.macs or 0, -(item.macro_f1 or 0.0), item.number)):
        if not front or (record.macro_f1 or 0.0) > (front[-1].macro_f1 or 0.0):
            front.append(record)
    return tuple(front)


def choose(front: Sequence[TrialRecord], budget: BudgetSpec, score: str | None) -> Choice | None:
    """The best member of the front: lowest score, or without one the knee; None for an empty front.

    `min_macro_f1` of the budget leaves only the members that reach it; where none does, the one with the
    highest metric is chosen.
    """
    if not front:
        return None
    floor = budget.min_macro_f1
    able = [item for item in front if floor is None or (item.macro_f1 or 0.0) >= floor]
    if not able:
        best = max(front, key=lambda item: item.macro_f1 or 0.0)
        return Choice(best.number, f"none reached the macro-F1 of {floor}, and it came nearest")
    among = "" if floor is None else f" of those that reach a macro-F1 of {floor}"
    if score is not None:
        return _lowest_score(able, score, among)
    best = knee(able)
    return Choice(best.number, f"it is the knee of the front{among}: both ways from it cost more than they give")


def _lowest_score(members: Sequence[TrialRecord], score: str, among: str) -> Choice:
    function = parse_score(score)
    scores = {
        item.number: function(
            {"macs": item.macs or 0, "parameters": item.parameters or 0, "macro_f1": item.macro_f1 or 0.0,
             "accuracy": math.nan if item.accuracy is None else item.accuracy}
        )
        for item in members
    }  # fmt: skip
    best = min(scores, key=lambda number: (math.isnan(scores[number]), scores[number]))
    return Choice(best, f"its score {score} is the lowest{among}, {scores[best]:.4f}")


def knee(front: Sequence[TrialRecord]) -> TrialRecord:
    """The member farthest above the line from the cheapest to the best, on axes of log-MACs and metric.

    Both axes run from 0 to 1 over the front, as in Satopaa et al. 2011 ("Kneedle", section 3). Of equals
    the one with the higher metric.
    """
    ordered = sorted(front, key=lambda item: item.macs or 0)
    costs = [math.log(max(item.macs or 1, 1)) for item in ordered]
    gains = [item.macro_f1 or 0.0 for item in ordered]

    def rise(index: int) -> tuple[float, float]:
        cost = (costs[index] - costs[0]) / ((costs[-1] - costs[0]) or 1.0)
        gain = (gains[index] - gains[0]) / ((gains[-1] - gains[0]) or 1.0)
        return gain - cost, gains[index]

    return ordered[max(range(len(ordered)), key=rise)]
