"""The learning curve of one network: what its validation metric was after each epoch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """Validation metric by epoch of a network's trainings, each between 0 and 1."""

    number: int
    """Of the trial."""
    macs: int
    full: tuple[float, ...] = ()
    """Of the full training, as far as it went."""
    short: tuple[float, ...] = ()
    """Of the short training that came before it; empty where there was none."""
    finished: bool = False
    """Whether the full training went to its end."""
    seed_sd: float = 0.0
    """Standard deviation of `best` from seed to seed, as far as it is known."""

    @property
    def epochs(self) -> int:
        """Epochs of both trainings."""
        return len(self.short) + len(self.full)

    @property
    def best(self) -> float:
        """Highest value of the full training; of a finished one the value that it counts with."""
        return max(self.full)

    def best_without_luck(self, deviations: float) -> float:
        """`best`, less that many standard deviations of what another seed changes."""
        return self.best - deviations * self.seed_sd
