"""Dominance rule: stops a network that a cheaper one will almost surely beat."""

from collections.abc import Sequence

from nas.runs.costs import MACS_KIND, CostKind
from nas.search.stopping.curve_model import CurveModel
from nas.search.stopping.rule import GO_ON, LearningCurve, StopVerdict

DEVIATIONS = 2.0
"""How many standard deviations above its prediction a network's final metric may yet come out."""
LUCK = 1.0
"""How many standard deviations of the seed the best of the cheaper networks may owe to luck: it was
picked as the highest of several. The best of 5, 10 and 27 networks owes 0.8, 1.0 and 1.3 on average
where networks of like MACs differ truly by a standard deviation of 0.021 and seeds by 0.018, as was
measured on trash photos."""
LEAST_CURVES = 5
"""Finished curves before which nothing is stopped."""
LEAST_LEFT = 0.1
"""Share of the epochs that must be left: a stop in the last ones saves little, and what is nearly
measured would be lost."""


class DominanceRule:
    """Ends a training when even its optimistic final metric falls short of a cheaper network's.

    A front member is lost only where a curve rises more than `deviations` standard deviations
    above what the study's finished curves let expect. The cheapest network is never stopped.
    """

    def __init__(
        self,
        epochs: int,
        *,
        deviations: float = DEVIATIONS,
        luck: float = LUCK,
        least_curves: int = LEAST_CURVES,
        kind: CostKind = MACS_KIND,
    ) -> None:
        """`epochs` is the length of the full training, `kind` what the curves' cost is."""
        self.epochs = epochs
        self.deviations = deviations
        self.luck = luck
        self.least_curves = least_curves
        self.kind = kind

    def should_stop(self, curve: LearningCurve, others: Sequence[LearningCurve]) -> StopVerdict:
        """Stop if epochs are left and the best finished network of no more cost is out of reach."""
        if self.epochs - len(curve.full) <= LEAST_LEFT * self.epochs:
            return GO_ON
        finished = [item for item in others if item.finished]
        cheaper = [item for item in finished if item.is_no_dearer(curve)]
        alike = [item for item in finished if _comparable(item, curve, self.epochs)]
        if not cheaper or len(alike) < self.least_curves:
            return GO_ON
        rival = max(cheaper, key=lambda item: item.best_without_luck(self.luck))
        prediction = CurveModel(alike).predict(curve)
        reach = prediction.optimistic(self.deviations)
        if reach >= rival.best_without_luck(self.luck):
            return GO_ON
        cost = f"only {self.kind.phrase(rival.cost)}"
        if rival.cost == curve.cost:
            cost = f"as many {self.kind.title}"
        return StopVerdict(
            stop=True,
            predicted=prediction.mean,
            sd=prediction.sd,
            because=f"at best {reach:.4f}, and trial {rival.number} has {rival.best:.4f} at {cost}",
        )


def _comparable(item: LearningCurve, curve: LearningCurve, epochs: int) -> bool:
    """Whether a finished curve tells how another goes on that stands where it does."""
    return len(item.full) == epochs and (len(curve.full) > 0 or len(item.short) == len(curve.short))
