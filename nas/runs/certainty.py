"""Uncertainty of the networks' metrics in a search."""

from collections.abc import Mapping
from dataclasses import dataclass

from nas.runs.records import FinalRecord

BOUND_Z = 1.645
"""Standard deviations below the mean: a one-sided 95 % bound of a normal distribution."""


@dataclass(frozen=True)
class Estimate:
    """Estimate of a network's primary metric, beyond the samples and seeds that were seen."""

    mean: float
    """Mean over the repeated trainings; without any, of the search's model."""
    sd: float
    """Standard deviation of the mean: other seeds and another validation sample would differ."""
    seeds: tuple[int, ...] = ()
    """Seeds of the repeated trainings; empty where it is the model's estimate alone."""
    validation_sd: float = 0.0
    """Standard deviation over other validation samples of the same size."""

    @property
    def lower(self) -> float:
        """Lower end of the one-sided 95 % interval."""
        return max(0.0, self.mean - BOUND_Z * self.sd)


@dataclass(frozen=True)
class SeedNoise:
    """Noise of the primary metric: how much it differs from one training seed to the next."""

    sd: float
    """Standard deviation, pooled over the finalists and the model's own estimate."""
    degrees: int
    """Degrees of freedom: repeats beyond the first of each finalist."""


@dataclass(frozen=True)
class Certainty:
    """Estimates of a search's networks, and the noise of the metric."""

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
        """Estimates of the finalists whose training has finished."""
        known = {number: self.estimates[number] for number in self.finalists}
        return {number: estimate for number, estimate in known.items() if estimate.seeds}
