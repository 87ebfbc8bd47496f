"""Contract of early stopping: learning curves, verdicts, rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class LearningCurve:
    """Validation metric by epoch of a network's trainings, each between 0 and 1."""

    number: int
    """Of the trial."""
    cost: float
    """The cost known before training by which networks are ordered; MACs by default."""
    full: tuple[float, ...] = ()
    """Of the full training, as far as it went."""
    short: tuple[float, ...] = ()
    """Of the short training that came before it; empty where there was none."""
    finished: bool = False
    """Whether the full training went to its end."""
    seed_sd: float = 0.0
    """Standard deviation of `best` from seed to seed, as far as it is known."""
    other_losses: tuple[float | None, ...] = ()
    """Of the study's further costs, signed so that less is better; None while one is not known."""

    @property
    def epochs(self) -> int:
        """Epochs of both trainings."""
        return len(self.short) + len(self.full)

    @property
    def best(self) -> float:
        """Highest value of the full training; of a finished one the value that it counts with."""
        return max(self.full)

    def is_no_dearer(self, other: "LearningCurve") -> bool:
        """Whether it costs at most as much, as far as is known for sure."""
        pairs = zip(self.other_losses, other.other_losses, strict=True)
        known = all(a is not None and b is not None and a <= b for a, b in pairs)
        return known and self.cost <= other.cost

    def best_without_luck(self, deviations: float) -> float:
        """`best`, less that many standard deviations of what another seed changes."""
        return self.best - deviations * self.seed_sd


@dataclass(frozen=True)
class StopVerdict:
    """Whether a training ends here, and what it would have come to."""

    stop: bool
    predicted: float | None = None
    """The final metric that is expected; always given with `stop`."""
    sd: float | None = None
    """Standard deviation of `predicted`."""
    because: str = ""
    """Why it ends, in words that follow "stopped after 3 epochs:"."""


GO_ON = StopVerdict(stop=False)


class StopRule(Protocol):
    """Judges a training after its short run and after each epoch of the full one but the last."""

    def should_stop(self, curve: LearningCurve, others: Sequence[LearningCurve]) -> StopVerdict:
        """The verdict on a curve so far; `others` are the study's other curves that have ended."""
        ...


class NeverStop:
    """Every training goes to its end."""

    def should_stop(self, curve: LearningCurve, others: Sequence[LearningCurve]) -> StopVerdict:
        return GO_ON
