"""Results of a search, as tables and pictures show them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nas.runs.costs import MACS_KIND, CostKind
from nas.runs.records import Certainty, SeedNoise, TrialRecord

NOTHING_KNOWN = Certainty({}, SeedNoise(0.0, 0))


@dataclass(frozen=True)
class Findings:
    """A search's trials, and which of them matter; `front` and `best` are trial numbers."""

    records: Sequence[TrialRecord]
    front: Collection[int]
    best: int | None
    metric: str
    """Name of the task's primary metric."""
    certainty: Certainty = NOTHING_KNOWN
    """Estimates of the networks; no entry for those without one."""
    cost: CostKind = MACS_KIND
    """The cost by which networks are ordered."""
    max_cost: float | None = None
    """The budget's bound of that cost."""
    further: Sequence[CostKind] = ()
    """Costs of the records besides MACs and parameters."""

    @property
    def chosen(self) -> TrialRecord | None:
        """The record of the best network."""
        return next((record for record in self.records if record.number == self.best), None)

    def members(self, numbers: Collection[int]) -> tuple[TrialRecord, ...]:
        """The records of those trials, cheapest first."""
        found = [record for record in self.records if record.number in numbers]
        return tuple(sorted(found, key=lambda record: (self.cost_of(record) or 0, record.number)))

    def cost_of(self, record: TrialRecord) -> float | None:
        """What the network costs."""
        return record.costs.get(self.cost.name)
