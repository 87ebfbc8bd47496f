"""Plan of early stopping: the rule, and the length of the short training."""

from dataclasses import dataclass

from nas.errors import NasError
from nas.runs.costs import MACS_KIND, CostKind
from nas.search.stopping.asha import BandedHalving
from nas.search.stopping.dominance import DominanceRule
from nas.search.stopping.rule import NeverStop, StopRule
from nas.spec.search import SearchSpec


@dataclass(frozen=True)
class StopPlan:
    """The rule of a search, and the epochs of the short training; 0 is none."""

    rule: StopRule
    short_epochs: int


def plan_stops(search: SearchSpec, epochs: int, kind: CostKind = MACS_KIND) -> StopPlan:
    """The plan for full trainings of so many epochs; `kind` is the cost that networks compare.

    Raises NasError for a short training that is not shorter, or that no rule would judge.
    """
    if search.stop == "none":
        if search.short_epochs:
            raise NasError(
                f"{search.short_epochs} epochs of a short training that nothing judges: "
                "stop is none; leave it out, or choose dominance or asha",
                key="search.short_epochs",
            )
        return StopPlan(NeverStop(), 0)
    if search.short_epochs >= epochs:
        raise NasError(
            f"{search.short_epochs} epochs are no short training, as the full one has {epochs}; "
            "0 is none",
            key="search.short_epochs",
        )
    rule: StopRule = BandedHalving(epochs, title=kind.title)
    if search.stop == "dominance":
        rule = DominanceRule(epochs, kind=kind)
    return StopPlan(rule, search.short_epochs)
