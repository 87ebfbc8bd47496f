"""Successive halving within bands of cost (after ASHA: Li et al. 2020, algorithm 2)."""

from collections.abc import Sequence
from math import ceil, log2

from nas.runs.costs import MACS_KIND
from nas.search.stopping.curve_model import CurveModel
from nas.search.stopping.rule import GO_ON, LearningCurve, StopVerdict

REDUCTION = 3
"""Of so many networks of a band one goes on from a rung."""


class BandedHalving:
    """At each rung only the best third of a band goes on, the first that come always.

    A band is a factor of 2 in cost (MACs): over all networks at once, halving would throw away the
    cheap end of the front. Rungs are the short training and a third of the full one; without a
    short training also a ninth.
    """

    def __init__(
        self, epochs: int, *, reduction: int = REDUCTION, title: str = MACS_KIND.title
    ) -> None:
        """`epochs` is the length of the full training, `title` what the curves' cost is called."""
        self.epochs = epochs
        self.title = title
        self.reduction = reduction

    def should_stop(self, curve: LearningCurve, others: Sequence[LearningCurve]) -> StopVerdict:
        """Stop if the curve stands at a rung, and is not among the best of its band there."""
        rung = len(curve.full)
        if rung not in self._rungs(bool(curve.short)):
            return GO_ON
        rivals = [
            value_at(item, rung)
            for item in others
            if band(item.cost) == band(curve.cost)
            and len(item.full) >= rung
            and len(item.short) == len(curve.short)
        ]
        better = sum(value > value_at(curve, rung) for value in rivals)
        promoted = ceil((len(rivals) + 1) / self.reduction)
        if better < promoted:
            return GO_ON
        alike = [item for item in others if item.finished and len(item.full) == self.epochs]
        prediction = CurveModel(alike).predict(curve)
        return StopVerdict(
            stop=True,
            predicted=prediction.mean,
            sd=prediction.sd,
            because=f"{better} of {len(rivals)} networks of like {self.title} were better then, "
            f"and {promoted} of {len(rivals) + 1} go on",
        )

    def _rungs(self, short: bool) -> set[int]:
        """Epochs of the full training; 0 is the end of the short one."""
        thirds = {self.epochs // self.reduction}
        first = 0 if short else self.epochs // self.reduction**2
        return {first if short else max(first, 1), *(rung for rung in thirds if rung > 0)}


def band(cost: float) -> int:
    """Number of the band, a factor of 2 wide, that the cost lies in."""
    return int(log2(max(cost, 1)))


def value_at(curve: LearningCurve, rung: int) -> float:
    """Best value of the full training up to a rung, or of the short one at rung 0."""
    return max(curve.full[:rung]) if rung else max(curve.short)
