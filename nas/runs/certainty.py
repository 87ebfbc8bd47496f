"""How sure a search is of what its networks reach."""

from collections.abc import Mapping
from dataclasses import dataclass

from nas.runs.records import FinalRecord

BOUND_Z = 1.645
"""Standard deviations below the mean: a one-sided 95 % bound of a normal distribution."""


@dataclass(frozen=True)
class Estimate:
    """What is to be expected of a network's first metric, beyond the sample and the seeds seen."""

    mean: float
    """Over the repeated trainings; without any, the mean that the model of the search gives."""
    sd: float
    """Standard deviation of the mean: other seeds and another validation sample would differ."""
    seeds: tuple[int, ...] = ()
    """Seeds of the repeated trainings behind it; none where the model alone says so."""
    validation_sd: float = 0.0
    """Standard deviation over other validation samples of the same size."""

    @property
    def lower(self) -> float:
        """Lower end of the one-sided 95 % interval, what the network surely reaches."""
        return max(0.0, self.mean - BOUND_Z * self.sd)


@dataclass(frozen=True)
class SeedNoise:
    """How much the first metric of one network differs from one training seed to the next."""

    sd: float
    """Standard deviation, pooled over the finalists and the model's own estimate."""
    degrees: int
    """Repeats beyond the first of each finalist: what was measured of it."""


@dataclass(frozen=True)
class Certainty:
    """How well a search knows its networks."""

    estimates: Mapping[int, Estimate]
    """Of every trained network, by trial number."""
    noise: SeedNoise
    finals: tuple[FinalRecord, ...] = ()
    """The finalists' trainings that ended, by trial and seed."""

    @property
    def finalists(self) -> tuple[int, ...]:
        """Trial numbers of those that were trained again."""
        return tuple(sorted({item.trial for item in self.finals}))

    @property
    def repeated(self) -> dict[int, Estimate]:
        """What is expected of those finalists whose training came to its end."""
        known = {number: self.estimates[number] for number in self.finalists}
        return {number: estimate for number, estimate in known.items() if estimate.seeds}
