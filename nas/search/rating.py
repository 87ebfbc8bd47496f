"""Score of a network whose primary metric is uncertain."""

import math
from dataclasses import dataclass
from statistics import NormalDist, fmean

from nas.errors import NasError
from nas.runs.certainty import Estimate
from nas.runs.records import TrialRecord
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
