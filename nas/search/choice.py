"""Pareto front of the trained networks, the score of one, and the choice of the best."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean

from nas.errors import NasError
from nas.report.tables import metric_title, metric_with_article
from nas.runs.records import Estimate, TrialRecord
from nas.search.objective import BY_MACS, Objective, Objectives
from nas.spec.budget import BudgetSpec
from nas.spec.score import ACCURACY, Score, parse_score
from nas.spec.space import SpaceSpec
from nas.tasks.registry import task_of

QUANTILES = 20
_DEVIATIONS = tuple(NormalDist().inv_cdf((index + 0.5) / QUANTILES) for index in range(QUANTILES))
"""Middles of equally likely parts of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Rating:
    """A score of networks whose primary metric has a name of its own."""

    name: str
    """The score's name or expression, as it was given."""
    score: Score
    metric: str

    @classmethod
    def of(cls, name: str, metric: str) -> "Rating":
        """The score of that name or expression. Raises NasError where it is none."""
        return cls(name, parse_score(name), metric)

    def expected(self, record: TrialRecord, estimate: Estimate) -> float | None:
        """The mean score over what the metric may be; None where the score has no value."""
        values = []
        for deviation in _DEVIATIONS if estimate.sd > 0 else (0.0,):
            reached = min(max(estimate.mean + deviation * estimate.sd, 0.0), 1.0)
            value = self.at(record, reached)
            if value is None:
                return None
            values.append(value)
        return fmean(values)

    def at(self, record: TrialRecord, reached: float) -> float | None:
        """The score if that were the network's metric, None where it has none, as with log(0).

        Accuracy, which a score may name, is taken to differ from what was measured by as much.
        """
        known: dict[str, float | None] = {"macs": record.macs, "parameters": record.parameters}
        known |= {"metric": reached, self.metric: reached}
        if record.accuracy is not None:
            gain = reached - (record.metric or 0.0)
            known["accuracy"] = min(max(record.accuracy + gain, 0.0), 1.0)
        try:
            value = self.score({name: value for name, value in known.items() if value is not None})
        except NasError:
            return None
        return None if math.isnan(value) else value


def check_score(space: SpaceSpec, score: str | None) -> None:
    """Raises NasError for a score that names a metric that the space's task does not measure.

    With file and line where it is the space's own.
    """
    if score is None:
        return
    task = task_of(space)
    metric = task.primary_metric
    known = {metric, ACCURACY} if task.measures_accuracy else {metric}
    others = [name for name in parse_score(score).metrics if name not in known]
    if not others:
        return
    problem = (
        f"{others[0]!r} is not measured by the task {space.task}; its primary metric is {metric}, "
        "also called metric"
    )
    if score == space.score:
        raise space.document.error(("score",), problem)
    raise NasError(problem, key="--score")


@dataclass(frozen=True)
class ChosenTrial:
    """The chosen trial, and the reason as the end of a sentence."""

    number: int
    because: str


def pareto_front(
    records: Sequence[TrialRecord], objectives: Objectives = BY_MACS
) -> tuple[TrialRecord, ...]:
    """Pareto-optimal trained networks by costs and metric, cheapest first.

    Of networks that are equal in all objectives the first trained.
    """
    trained = [record for record in records if record.state == "trained"]
    points = {item.number: (*_losses(item, objectives), -_metric(item)) for item in trained}
    axis = objectives.axis_index

    def order(item: TrialRecord) -> tuple[float, tuple[float, ...], int]:
        return points[item.number][axis], points[item.number], item.number

    front: list[TrialRecord] = []
    for record in sorted(trained, key=order):  # what dominates a network comes before it
        point = points[record.number]
        if not any(_as_good(points[other.number], point) for other in reversed(front)):
            front.append(record)
    return tuple(front)


def _as_good(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the first is nowhere worse."""
    return all(a <= b for a, b in zip(one, other, strict=True))


def _losses(record: TrialRecord, objectives: Objectives) -> list[float]:
    """The costs, signed so that less is better; an unknown one is 0."""
    return [value or 0.0 for value in objectives.losses(record.costs)]


def as_measured(records: Sequence[TrialRecord]) -> dict[int, Estimate]:
    """Estimates that take the measured values as exact."""
    return {item.number: Estimate(_metric(item), 0.0) for item in records}


def choose(
    members: Sequence[TrialRecord],
    estimates: Mapping[int, Estimate],
    budget: BudgetSpec,
    score: str | None,
    *,
    objectives: Objectives,
    among: Collection[int] | None = None,
) -> ChosenTrial | None:
    """The best member: of lowest score, or without one the knee of the front; None for no member.

    `min_metric` of the budget leaves only the members whose lower bound reaches it; where none
    does, the one with the highest bound is chosen. A score is averaged over what the metric may be,
    so that a cliff below the mean counts by how likely the fall is: at the lower bound alone all
    members would have fallen where none is quite sure, and the cheapest would win. The knee is that
    of the lower bounds. `among` names the trials that may be chosen, the others only tell where the
    front runs; None is all.
    """
    metric = objectives.metric
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
    at_knee = _at_knee(members, able, estimates, among_text, objectives)
    if score is None:
        return at_knee
    rating = Rating.of(score, metric)
    return _of_lowest_score(able, estimates, rating, among_text) or ChosenTrial(
        at_knee.number, f"the score {score} has no value on the front, and {at_knee.because}"
    )


def _nearest(
    able: Sequence[TrialRecord], estimates: Mapping[int, Estimate], floor: float, metric: str
) -> ChosenTrial:
    """The member that comes nearest to a floor that no lower bound reaches."""
    nearest = max(able, key=lambda item: estimates[item.number].lower)
    because = f"none surely reaches the {metric_title(metric)} of {floor}, and it comes nearest"
    return ChosenTrial(nearest.number, because)


def _of_lowest_score(
    able: Sequence[TrialRecord], estimates: Mapping[int, Estimate], rating: Rating, among: str
) -> ChosenTrial | None:
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
    return ChosenTrial(lowest, because)


def _at_knee(
    members: Sequence[TrialRecord],
    able: Sequence[TrialRecord],
    estimates: Mapping[int, Estimate],
    among: str,
    objectives: Objectives,
) -> ChosenTrial:
    """The one of `able` at the knee of all members' lower bounds."""
    bounded = {item.number: replace(item, metric=estimates[item.number].lower) for item in members}
    front = pareto_front(tuple(bounded.values()), objectives)
    because = (
        "it is the only network of the front"
        if len(front) == 1
        else f"it is the knee of the front{among}: both ways from it cost more than they give"
    )
    chosen = knee(front, [bounded[item.number] for item in able], objectives)
    return ChosenTrial(chosen.number, because)


def knee(
    front: Sequence[TrialRecord],
    among: Sequence[TrialRecord] | None = None,
    objectives: Objectives = BY_MACS,
) -> TrialRecord:
    """The member farthest above the line from the cheapest to the best, by log-cost and metric.

    All axes run from 0 to 1 over the front, as in Satopaa et al. 2011 ("Kneedle", section 3); of
    several costs the mean counts. Of equals the one with the higher metric. `among` are those that
    may be chosen, by default all.
    """
    gains = _Range.of([_metric(item) for item in front])
    costs = [_Range.of([_log_cost(item, cost) for item in front]) for cost in objectives.costs]

    def rise(item: TrialRecord) -> tuple[float, float]:
        places = [
            scale.place(_log_cost(item, cost))
            for scale, cost in zip(costs, objectives.costs, strict=True)
        ]
        gain = gains.place(_metric(item))
        return round(gain - sum(places) / len(places), 12), _metric(item)

    ordered = sorted(front if among is None else among, key=lambda item: _cost(item, objectives))
    return max(ordered, key=rise)


@dataclass(frozen=True)
class _Range:
    """An axis of the front."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "_Range":
        return cls(min(values), max(values))

    def place(self, value: float) -> float:
        """From 0 at its low end to 1 at its high one."""
        return (value - self.low) / ((self.high - self.low) or 1.0)


def _log_cost(record: TrialRecord, objective: Objective) -> float:
    """Logarithm of a cost, signed so that less is better."""
    value = record.costs.get(objective.name, 0.0)
    return objective.sign * math.log(value) if value > 0 else 0.0


def _cost(record: TrialRecord, objectives: Objectives) -> float:
    """The cost by which networks are ordered."""
    return _losses(record, objectives)[objectives.axis_index]


def _metric(record: TrialRecord) -> float:
    return record.metric or 0.0
