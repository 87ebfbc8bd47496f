"""Bounds and noise against formulas worked by hand and by NumPy."""

import math

import numpy as np
import optuna
import pytest

from benchmarks.floor import VALIDATION_SD, searched
from nas.runs.records import FinalRecord, SeedNoise, TrialRecord
from nas.search import estimates
from nas.search.estimates import (
    PRIOR_DEGREES,
    Posterior,
    estimate_all,
    pool_seed_noise,
    study_posterior,
)
from nas.search.trials import noise_sd


def final(trial: int, seed: int, value: float | None, sd: float = 0.0) -> FinalRecord:
    state = "failed" if value is None else "trained"
    return FinalRecord(trial, seed, state, 10, value, sd, epochs=1, found_among=1)


def found(number: int, value: float, sd: float | None = None) -> TrialRecord:
    return TrialRecord(
        number, "trained", {"macs": 10, "parameters": 10}, value, "h", validation_sd=sd
    )


def test_seed_noise_is_pooled_over_finalists() -> None:
    values = {1: [0.50, 0.54, 0.52], 2: [0.70, 0.66], 3: [0.9]}
    finals = [
        final(trial, seed, value) for trial, own in values.items() for seed, value in enumerate(own)
    ]
    squares = sum(np.var(own) * len(own) for own in values.values())
    measured = pool_seed_noise(finals, prior_sd=0.0)
    assert measured.degrees == 3
    assert measured.sd == pytest.approx(math.sqrt(squares / (3 + PRIOR_DEGREES)))
    # A model that says as much as was measured changes nothing.
    said = math.sqrt(squares / 3)
    assert pool_seed_noise(finals, prior_sd=said).sd == pytest.approx(said)


def test_without_repeats_the_models_noise_stands() -> None:
    assert pool_seed_noise([], prior_sd=0.03) == SeedNoise(0.03, 0)
    failed = [final(1, 1, None), final(1, 2, 0.6)]
    assert pool_seed_noise(failed, prior_sd=0.03).sd == pytest.approx(0.03)


def test_bound_of_a_finalist() -> None:
    records = [found(1, 0.69, sd=0.5)]  # neither the lucky measurement nor its noise counts
    finals = [final(1, 1, 0.60, sd=0.02), final(1, 2, 0.64, sd=0.04), final(1, 3, None)]
    estimates = estimate_all(records, Posterior({1: (0.66, 0.2)}, 0.1), finals, SeedNoise(0.01, 1))
    known = estimates[1]
    assert known.mean == pytest.approx(0.62)
    assert known.seeds == (1, 2)
    assert known.validation_sd == pytest.approx(0.03)
    # 95 % of a normal distribution lie above the mean less 1.645 standard deviations.
    assert known.lower == pytest.approx(0.62 - 1.645 * math.sqrt(0.01**2 / 2 + 0.03**2))


def test_more_seeds_never_beat_the_validation_samples_noise() -> None:
    finals = [final(1, seed, 0.6, sd=0.02) for seed in range(1, 1_001)]
    known = estimate_all([found(1, 0.6)], Posterior({1: (0, 0)}, 0), finals, SeedNoise(0.05, 9))[1]
    assert known.lower < 0.6 - 1.645 * 0.02


def test_others_keep_the_models_word() -> None:
    records = [found(1, 0.9, sd=0.03), TrialRecord(2, "failed"), found(3, 0.8)]
    posterior = Posterior({1: (0.7, 0.04), 2: (0.5, 0.1)}, 0.1)
    estimates = estimate_all(records, posterior, [final(3, 1, 0.5)], SeedNoise(0.01, 1))
    assert list(estimates) == [1]
    assert estimates[1].mean == 0.7
    assert estimates[1].lower == pytest.approx(0.7 - 1.645 * 0.05)
    assert estimates[1].seeds == ()


def test_a_bound_is_never_below_zero() -> None:
    known = estimate_all([found(1, 0.1)], Posterior({1: (0.1, 0.5)}, 0), [], SeedNoise(0, 0))
    assert known[1].lower == 0


def test_what_a_trial_says_of_its_noise() -> None:
    def told(**attributes: object) -> float:
        return noise_sd(optuna.trial.create_trial(values=[1.0, 0.5], user_attrs=attributes))

    assert told(validation_sd=0.06) == pytest.approx(0.03)
    assert told(predicted_sd=0.04, validation_sd=0.06) == pytest.approx(0.05)
    assert told(predicted_sd=0.04) == pytest.approx(0.04)
    assert told() == 0


@pytest.mark.parametrize("trainings", [15, 30])
@pytest.mark.parametrize("share", [0.43, 0.6], ids=["digits", "trash"])
def test_beliefs_are_as_sure_as_they_are_right(trainings: int, share: float) -> None:
    """In searches of usual size, with the seed's noise that was measured on real pictures."""
    errors, noises = [], []
    for seed in range(6):
        study, truths = searched(trainings, seed, share * VALIDATION_SD)
        posterior = study_posterior(study)
        assert posterior.beliefs.keys() == truths.keys()
        errors += [(mean - truths[key]) / sd for key, (mean, sd) in posterior.beliefs.items()]
        noises.append(pool_seed_noise([], posterior.noise_sd).sd)
    assert 0.7 < math.sqrt(np.mean(np.square(errors))) < 1.5
    assert all(0.7 < noise / (share * VALIDATION_SD) < 1.5 for noise in noises)


def test_a_disaster_counts_as_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise is how far measurements lie from the model, where that is more than they say."""
    study, _ = searched(1, 0, 0.0)
    [trial] = study.trials
    study.add_trial(
        optuna.trial.create_trial(
            params=trial.params,
            distributions=trial.distributions,
            values=[trial.values[0], 0.0],
            user_attrs=trial.user_attrs,
        )
    )
    monkeypatch.setattr(
        estimates, "posterior_of", lambda *_, **__: {0: (trial.values[1], 0.1), 1: (0.4, 0.1)}
    )
    assert study_posterior(study).noise_sd == pytest.approx(0.4 / math.sqrt(2))
