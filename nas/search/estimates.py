"""Estimates of each network's primary metric, with lower bounds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from nas.runs.costs import MACS
from nas.runs.records import Estimate, FinalRecord, SeedNoise, TrialRecord
from nas.search.known_cost import posterior_of
from nas.search.objective import Objectives
from nas.search.trials import noise_sd

PRIOR_DEGREES = 2
"""Repeats that the model's noise counts for, beside those that were trained."""


@dataclass(frozen=True)
class Posterior:
    """Posterior of the networks' metrics under the search's model, given all measurements."""

    beliefs: Mapping[int, tuple[float, float]]
    """Trial number to mean and standard deviation of the metric; lucky measurements shrunk."""
    noise_sd: float
    """Standard deviation of one measurement around the truth of its network, by its seed."""


def study_posterior(study: optuna.Study, objectives: Objectives | None = None) -> Posterior:
    """The known-cost sampler's model conditioned on all of a study's trials, whatever sampler drew
    them.

    It sees the cost that the sampler would see; MACs where none is known before training.
    Its noise is what each trial says of its own, or how far the measurements lie from the model
    where that is more, both as root mean square.
    """
    known = [item for item in study.get_trials(deepcopy=False) if _has_value_of_its_own(item)]
    if objectives is None or objectives.axis_is_known:
        index = 0 if objectives is None else objectives.axis_index
        beliefs = posterior_of(known, noise_sd=noise_sd, cost=lambda trial: trial.values[index])
    else:
        beliefs = posterior_of(known, noise_sd=noise_sd, cost=lambda item: item.user_attrs[MACS])
    measured = [
        item for item in known if item.user_attrs["outcome"] == "trained" and item.number in beliefs
    ]
    told = _root_mean_square([noise_sd(item) for item in measured])
    seen = _root_mean_square([item.values[-1] - beliefs[item.number][0] for item in measured])
    return Posterior(beliefs, max(told, seen))


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values)) if values else 0.0


def _has_value_of_its_own(trial: FrozenTrial) -> bool:
    """A duplicate was told what another trial measured: no second measurement."""
    return trial.user_attrs.get("outcome") in ("trained", "stopped")


def pool_seed_noise(finals: Iterable[FinalRecord], prior_sd: float) -> SeedNoise:
    """The pooled standard deviation of a training's metric around its network's mean.

    Each finalist alone has too few repeats, and one seed's noise is much like another network's.
    `prior_sd` counts as `PRIOR_DEGREES` repeats: the first finalist has none at all.
    """
    squares, degrees = 0.0, 0
    for values in _by_trial(finals).values():
        mean = sum(values) / len(values)
        squares += sum((value - mean) ** 2 for value in values)
        degrees += len(values) - 1
    pooled = (squares + PRIOR_DEGREES * prior_sd**2) / (degrees + PRIOR_DEGREES)
    return SeedNoise(math.sqrt(pooled), degrees)


def estimate_all(
    records: Sequence[TrialRecord],
    posterior: Posterior,
    finals: Sequence[FinalRecord],
    noise: SeedNoise,
) -> dict[int, Estimate]:
    """An estimate for each trained network.

    Of a finalist it is the mean over its repeats alone: the training that made it a finalist was
    picked for its luck. All networks are measured on one validation sample, so its noise does not
    shrink with more seeds: it counts whole. Others keep what the model says.
    """
    return {
        record.number: _estimate(record, posterior, _repeats_of(record, finals), noise)
        for record in records
        if record.state == "trained" and record.number in posterior.beliefs
    }


def _estimate(
    record: TrialRecord, posterior: Posterior, repeats: Sequence[FinalRecord], noise: SeedNoise
) -> Estimate:
    mean, error = posterior.beliefs[record.number]
    sample = record.validation_sd or 0.0
    if repeats:
        mean = sum(item.metric or 0.0 for item in repeats) / len(repeats)
        error = noise.sd / math.sqrt(len(repeats))
        sample = sum(item.metric_sd or 0.0 for item in repeats) / len(repeats)
    return Estimate(mean, math.hypot(error, sample), tuple(item.seed for item in repeats), sample)


def _repeats_of(record: TrialRecord, finals: Sequence[FinalRecord]) -> list[FinalRecord]:
    return [item for item in finals if item.trial == record.number and item.state == "trained"]


def _by_trial(finals: Iterable[FinalRecord]) -> dict[int, list[float]]:
    values: dict[int, list[float]] = {}
    for item in finals:
        if item.state == "trained" and item.metric is not None:
            values.setdefault(item.trial, []).append(item.metric)
    return values
