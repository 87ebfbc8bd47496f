"""What the traces of one method on one problem say, over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.efficiency.simulation import Trace
from benchmarks.efficiency.true_front import TrueFront
from benchmarks.hypervolume import Floats, Reference, hypervolumes

GOALS = (0.95, 0.99)


@dataclass(frozen=True)
class Summary:
    """Of one method on one problem, from one reference."""

    shares: Floats
    """Seeds x evaluations: share of the true front's hypervolume, in %."""
    proposals: int
    repeats: int
    ask_seconds: float
    """Processor time, of all seeds together."""

    def quartiles(self, evaluations: int) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the share, in %."""
        low, mid, high = np.percentile(self.shares[:, evaluations - 1], [25, 50, 75])
        return float(low), float(mid), float(high)

    def evaluations_to(self, goal: float) -> float:
        """Median over seeds of the evaluations to a share; math.inf where it isn't reached.

        A seed that doesn't reach it counts as infinite.
        """
        reached = self.shares >= 100 * goal - 1e-9
        needed = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, math.inf)
        return float(np.median(needed)) if np.isfinite(needed).any() else math.inf


def summarise(traces: Sequence[Trace], front: TrueFront, kind: str, evaluations: int) -> Summary:
    """Over the traces of all seeds, from the reference of that kind."""
    reference = front.reference(kind)
    whole = front.hypervolume(reference)
    shares = [_share(trace, reference, whole, evaluations) for trace in traces]
    return Summary(
        np.array(shares),
        sum(trace.proposals for trace in traces),
        sum(trace.repeats for trace in traces),
        sum(trace.ask_seconds for trace in traces),
    )


def _share(trace: Trace, reference: Reference, whole: float, evaluations: int) -> Floats:
    """In %; a study that ran out of networks keeps its last share."""
    found = 100 * hypervolumes(trace.points, reference) / whole
    return np.concatenate([found, np.full(evaluations - len(found), found[-1])])
