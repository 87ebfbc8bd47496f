"""Which of the trained networks are on the front, and which of these is the best."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from nas.report.tables import metric_title, metric_with_article
from nas.runs.certainty import Estimate
from nas.runs.records import TrialRecord
from nas.search.rating import Rating
from nas.spec.budget import BudgetSpec


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


def as_measured(records: Sequence[TrialRecord]) -> dict[int, Estimate]:
    """Estimates of those who take what was measured for the truth."""
    return {item.number: Estimate(_metric(item), 0.0) for item in records}


def choose(
    members: Sequence[TrialRecord],
    estimates: Mapping[int, Estimate],
    budget: BudgetSpec,
    score: str | None,
    *,
    metric: str,
    among: Collection[int] | None = None,
) -> Choice | None:
    """The best member: of lowest score, or without one the knee of the front; None for no member.

    `min_metric` of the budget leaves only the members whose lower bound reaches it; where none
    does, the one with the highest bound is chosen. A score is averaged over what the metric may be,
    so that a cliff below the mean counts by how likely the fall is: at the lower bound alone all
    members would have fallen where none is quite sure, and the cheapest would win. The knee is that
    of the lower bounds. `metric` is the name of the task's first. `among` names the trials that may
    be chosen, the others only tell where the front runs; None is all.
    """
    able = [item for item in members if among is None or item.number in among]
    if not able:
        return None
    floor, among_text = budget.min_metric, ""
    if floor is not None:
        sure = [item for item in able if estimates[item.number].lower >= floor]
        if not sure:
            return _nearest(able, estimates, floor, metric)
        able = sure
        among_text = f" of those that surely reach {metric_with_article(metric)} of {floor}"
    at_knee = _at_knee(members, able, estimates, among_text)
    if score is None:
        return at_knee
    rating = Rating.of(score, metric)
    return _of_lowest_score(able, estimates, rating, among_text) or Choice(
        at_knee.number, f"the score {score} has no value on the front, and {at_knee.because}"
    )


def _nearest(
    able: Sequence[TrialRecord], estimates: Mapping[int, Estimate], floor: float, metric: str
) -> Choice:
    """The member that comes nearest to a floor that none surely reaches."""
    nearest = max(able, key=lambda item: estimates[item.number].lower)
    because = f"none surely reaches the {metric_title(metric)} of {floor}, and it comes nearest"
    return Choice(nearest.number, because)


def _of_lowest_score(
    able: Sequence[TrialRecord], estimates: Mapping[int, Estimate], rating: Rating, among: str
) -> Choice | None:
    """The member of lowest expected score; None where no member has one."""
    values = {item.number: rating.expected(item, estimates[item.number]) for item in able}
    scores = {number: value for number, value in values.items() if value is not None}
    if not scores:
        return None
    lowest = min(scores, key=lambda number: scores[number])
    because = f"its score {rating.name} is the lowest{among}, {scores[lowest]:.4f}"
    chosen = next(item for item in able if item.number == lowest)
    least = rating.at(chosen, estimates[lowest].lower)
    if estimates[lowest].sd > 0 and least is not None:
        may_be = f"what its {metric_title(rating.metric)} may be"
        because += f" on average over {may_be} ({least:.4f} at the least of it)"
    return Choice(lowest, because)


def _at_knee(
    members: Sequence[TrialRecord],
    able: Sequence[TrialRecord],
    estimates: Mapping[int, Estimate],
    among: str,
) -> Choice:
    """The one of `able` at the knee of all members' lower bounds."""
    bounded = {item.number: replace(item, metric=estimates[item.number].lower) for item in members}
    front = pareto_front(tuple(bounded.values()))
    because = (
        "it is the only network of the front"
        if len(front) == 1
        else f"it is the knee of the front{among}: both ways from it cost more than they give"
    )
    return Choice(knee(front, [bounded[item.number] for item in able]).number, because)


def knee(front: Sequence[TrialRecord], among: Sequence[TrialRecord] | None = None) -> TrialRecord:
    """The member farthest above the line from the cheapest to the best, by log-MACs and metric.

    Both axes run from 0 to 1 over the front, as in Satopaa et al. 2011 ("Kneedle", section 3). Of
    equals the one with the higher metric. `among` are those that may be chosen, by default all.
    """
    ordered = sorted(front, key=_macs)
    first, last = ordered[0], ordered[-1]

    def rise(item: TrialRecord) -> tuple[float, float]:
        cost = (_log_macs(item) - _log_macs(first)) / ((_log_macs(last) - _log_macs(first)) or 1.0)
        gain = (_metric(item) - _metric(first)) / ((_metric(last) - _metric(first)) or 1.0)
        return round(gain - cost, 12), _metric(item)

    return max(ordered if among is None else sorted(among, key=_macs), key=rise)


def _log_macs(record: TrialRecord) -> float:
    return math.log(max(_macs(record), 1))


def _macs(record: TrialRecord) -> int:
    return record.macs or 0


def _metric(record: TrialRecord) -> float:
    return record.metric or 0.0
