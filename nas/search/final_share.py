"""How much of a search's time is kept for its finalists."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nas.runs.trials import TrialRecord
from nas.search.finalists import FinalPlan

MAX_SHARE = 1 / 3
"""Of a time limit, what is kept for the finalists at most."""


@dataclass(frozen=True)
class FinalShare:
    """How much of a time limit is kept for the finalists."""

    plan: FinalPlan
    epochs: int
    """Epochs of the search's own trainings."""
    workers: int
    limit_s: float
    """The whole time limit, in seconds."""

    def seconds(self, records: Sequence[TrialRecord]) -> float:
        """As long as the finalists' trainings will take, going by those of the search.

        The last of them then begins as the time ends. At most a third of the limit: a search that
        trained next to nothing has nothing to choose from.
        """
        known = [
            item.seconds for item in records if item.state == "trained" and item.seconds is not None
        ]
        if not known:
            return 0.0
        each = sum(known) / len(known) * self.plan.epochs / self.epochs
        rounds = math.ceil(self.plan.trainings / self.workers)
        return min(rounds * each, MAX_SHARE * self.limit_s)
