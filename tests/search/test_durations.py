"""Seconds of a training are learned from those that ended."""

from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from nas.search.durations import Durations
from nas.search.pricing import PricedSpace
from nas.spec.budget import BudgetSpec
from nas.spec.space import load_space
from nas.spec.trial import RandomTrial

SLOPES = (0.7, 0.1, 0.05)
"""Of the made-up machine; others than those that are assumed to begin with."""


@pytest.fixture(scope="module")
def space() -> PricedSpace:
    return PricedSpace(load_space("mobilenetv3.yaml"), BudgetSpec())


def true_seconds(space: PricedSpace, trial: FrozenTrial) -> float:
    """Of an epoch on the made-up machine."""
    cost = space.priced(trial.params).cost
    sizes = np.log([cost.convolution_outputs, cost.macs, cost.parameters])
    return float(0.002 * np.exp(SLOPES @ sizes))


def trained(
    space: PricedSpace, count: int, noise_sd: float = 0.1, seed: int = 0
) -> list[FrozenTrial]:
    """Trials that took their time, of one to nine epochs."""
    generator, trials = np.random.default_rng(seed), []
    for number in range(count):
        draw = RandomTrial(generator)
        space.draw(draw)
        trial = optuna.trial.create_trial(value=0.5)
        trial.number, trial.params = number, draw.params
        epochs = int(generator.integers(1, 10))
        noise = float(np.exp(noise_sd * generator.standard_normal()))
        seconds = true_seconds(space, trial) * epochs * noise
        trial.user_attrs |= {"outcome": "trained", "epochs": epochs, "seconds": seconds}
        trials.append(trial)
    return trials


def relative_errors(
    space: PricedSpace, durations: Durations, trials: Sequence[FrozenTrial]
) -> list[float]:
    return [abs(durations.seconds(item.params) / true_seconds(space, item) - 1) for item in trials]


def test_learns_the_seconds_of_an_epoch(space: PricedSpace) -> None:
    trials, unseen = trained(space, 40), trained(space, 60, seed=1)
    durations, medians = Durations(space), []
    for count in (3, 10, 40):
        durations.learn(trials[:count])
        medians.append(np.median(relative_errors(space, durations, unseen)))
    assert medians[0] < 0.35
    assert medians[1] < 0.2
    assert medians[2] < 0.06


def test_before_three_are_finished_ratios_are_sane(space: PricedSpace) -> None:
    durations, trials = Durations(space), trained(space, 60)
    durations.learn(trials[:2])
    guessed = [durations.seconds(item.params) for item in trials]
    true = [true_seconds(space, item) for item in trials]
    assert np.corrcoef(np.log(guessed), np.log(true))[0, 1] > 0.8
    assert 0.3 < np.std(np.log(guessed)) / np.std(np.log(true)) < 3


def test_only_timed_trainings_teach(space: PricedSpace) -> None:
    trials = trained(space, 10, noise_sd=0)
    clean, spoiled = Durations(space), Durations(space)
    clean.learn(trials)
    changes: tuple[dict[str, object], ...] = (
        {"outcome": "failed"}, {"outcome": "duplicate"}, {"outcome": "over_budget"},
        {"seconds": None}, {"epochs": None}, {"epochs": 0},
    )  # fmt: skip
    others = trained(space, len(changes), seed=2)
    for number, (trial, change) in enumerate(zip(others, changes, strict=True), start=100):
        trial.number = number
        trial.user_attrs |= {"seconds": 1e6, **change}
    spoiled.learn([*trials, *others])
    params = trials[0].params
    assert spoiled.seconds(params) == clean.seconds(params)
    stopped = trained(space, 1, seed=3)[0]
    stopped.number = 200
    stopped.user_attrs |= {"outcome": "stopped", "seconds": 1e6}
    spoiled.learn([*trials, *others, stopped])
    assert spoiled.seconds(params) > clean.seconds(params)


def test_processor_time_goes_before_the_clock(space: PricedSpace) -> None:
    trials, unseen = trained(space, 40, noise_sd=0), trained(space, 30, seed=1)
    for number, trial in enumerate(trials):
        trial.user_attrs["processor_seconds"] = trial.user_attrs["seconds"]
        trial.user_attrs["seconds"] *= 1 + number % 7  # other work slowed it
    durations = Durations(space)
    durations.learn(trials)
    assert np.median(relative_errors(space, durations, unseen)) < 0.1


def test_a_busy_machine_does_not_turn_the_slopes(space: PricedSpace) -> None:
    """Times that follow nothing leave the order of the networks as it was assumed."""
    trials = trained(space, 12, noise_sd=0)
    generator = np.random.default_rng(0)
    for trial in trials:
        trial.user_attrs["seconds"] = float(np.exp(2 * generator.standard_normal()))
    assumed, learned = Durations(space), Durations(space)
    learned.learn(trials)
    before = [np.log(assumed.seconds(item.params)) for item in trials]
    after = [np.log(learned.seconds(item.params)) for item in trials]
    assert np.corrcoef(before, after)[0, 1] > 0.9
