"""The sampler in real studies."""

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from nas.search.known_cost import KnownCostSampler, posterior_of

DEPTHS: dict[str, BaseDistribution] = {
    "depth": IntDistribution(1, 6),
    "width": IntDistribution(8, 64, step=8),
    "block": CategoricalDistribution(["conv", "mbconv", "shuffle"]),
}
Params = Mapping[str, Any]


def cost(params: Params) -> float:
    return float(params["depth"] * params["width"] ** 2)


def accuracy(params: Params) -> float:
    block = {"conv": 0.0, "mbconv": 0.05, "shuffle": 0.02}[params["block"]]
    return float(0.5 + block + 0.03 * params["depth"] + 0.05 * np.log2(params["width"] / 8))


def begin(sampler: KnownCostSampler) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)


def run(
    study: optuna.Study,
    trials: int,
    measure: Callable[[Params], float] = accuracy,
    space: Mapping[str, BaseDistribution] = DEPTHS,
) -> list[dict[str, Any]]:
    """The parameters of each trial."""
    tried = []
    for _ in range(trials):
        trial = study.ask(dict(space))
        study.tell(trial, [cost(trial.params), measure(trial.params)])
        tried.append(trial.params)
    return tried


def distinct(tried: list[dict[str, Any]]) -> int:
    return len({tuple(sorted(params.items())) for params in tried})


def conditional(trial: Any) -> None:
    """Blocks with parameters of their own."""
    for stage in ("a", "b"):
        block = trial.suggest_categorical(f"{stage}.block", ["conv", "mbconv", "none"])
        if block == "conv":
            trial.suggest_int(f"{stage}.conv.width", 8, 32, step=8)
        if block == "mbconv":
            trial.suggest_int(f"{stage}.mbconv.width", 8, 32, step=8)
            trial.suggest_float(f"{stage}.expand", 1.0, 3.0)


def conditional_cost(params: Params) -> float:
    total = 10.0
    for stage in ("a", "b"):
        total += params.get(f"{stage}.conv.width", 0) * 9
        total += params.get(f"{stage}.mbconv.width", 0) * params.get(f"{stage}.expand", 0)
    return total


def test_it_finds_the_front_of_a_small_space_in_few_trials() -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    tried = run(study, 30)
    assert distinct(tried) == 30
    depths, widths = range(1, 7), range(8, 65, 8)
    everything = [{"depth": d, "width": w, "block": "mbconv"} for d in depths for w in widths]
    front = [
        p for p in everything
        if not any(cost(q) <= cost(p) and accuracy(q) > accuracy(p) for q in everything)
    ]  # fmt: skip
    assert sum(params in tried for params in front) >= 0.9 * len(front)


def test_without_a_space_it_takes_the_one_that_trials_share() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        for name, distribution in DEPTHS.items():
            trial._suggest(name, distribution)
        return cost(trial.params), accuracy(trial.params)

    study = begin(KnownCostSampler(cost, seed=1))
    study.optimize(objective, n_trials=25)
    assert distinct([trial.params for trial in study.trials]) >= 24
    assert max(trial.values[1] for trial in study.trials) == pytest.approx(0.88)


def test_a_conditional_space_is_a_function_and_its_trials_are_whole() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        conditional(trial)
        spent = conditional_cost(trial.params)
        return spent, 1 - 5 / spent

    sampler = KnownCostSampler(conditional_cost, conditional, seed=0)
    study = begin(sampler)
    study.optimize(objective, n_trials=25)
    for trial in study.trials:
        for stage in ("a", "b"):
            block = trial.params[f"{stage}.block"]
            assert (f"{stage}.conv.width" in trial.params) == (block == "conv")
            assert (f"{stage}.expand" in trial.params) == (block == "mbconv")


def test_a_repeated_key_is_never_proposed() -> None:
    def key(params: Params) -> tuple[int, int]:
        return params["depth"], params["width"]

    study = begin(KnownCostSampler(cost, DEPTHS, key=key, seed=0))
    tried = run(study, 45)
    assert len({key(params) for params in tried}) == 45


def test_an_exhausted_space_is_sampled_at_random() -> None:
    few = {"depth": IntDistribution(1, 3), "width": IntDistribution(8, 16, step=8)}
    full = few | {"block": CategoricalDistribution(["conv"])}
    study = begin(KnownCostSampler(cost, full, seed=0))
    tried = run(study, 9, space=full)
    assert distinct(tried[:6]) == 6


def test_what_costs_infinitely_much_is_never_proposed() -> None:
    def limited(params: Params) -> float:
        return inf if cost(params) > 6_000 else cost(params)

    study = begin(KnownCostSampler(limited, DEPTHS, seed=0))
    assert all(isfinite(limited(params)) for params in run(study, 30))


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan")])
def test_a_cost_that_is_none_is_refused(price: float) -> None:
    study = begin(KnownCostSampler(lambda params: price, DEPTHS, seed=0))
    with pytest.raises(ValueError, match="cost must be above 0"):
        study.ask(dict(DEPTHS))


def test_running_trials_differ() -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    run(study, 12)
    running = [study.ask(dict(DEPTHS)) for _ in range(8)]
    assert distinct([trial.params for trial in running]) == 8


def test_enqueued_trials_go_through_whole_or_in_part() -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    run(study, 6)
    whole = {"depth": 6, "width": 64, "block": "shuffle"}
    study.enqueue_trial(whole)
    study.enqueue_trial({"block": "shuffle", "depth": 2})
    first, second = run(study, 2)
    assert first == whole
    assert second["block"] == "shuffle"
    assert second["depth"] == 2
    assert distinct(run(study, 10)) == 10


def test_a_waiting_trial_is_not_proposed_as_well() -> None:
    few = {"depth": IntDistribution(1, 6)}
    full = few | {"width": IntDistribution(8, 8), "block": CategoricalDistribution(["conv"])}
    sampler = KnownCostSampler(cost, full, seed=0)
    study = begin(sampler)
    for depth in range(1, 6):
        study.enqueue_trial({"depth": depth, "width": 8, "block": "conv"})
    frozen = optuna.trial.create_trial(state=TrialState.WAITING)
    frozen.number = 99
    chosen = sampler.infer_relative_search_space(study, frozen)
    assert sampler.sample_relative(study, frozen, chosen)["depth"] == 6


def test_the_same_seed_proposes_the_same() -> None:
    first = run(begin(KnownCostSampler(cost, DEPTHS, seed=3)), 15)
    second = run(begin(KnownCostSampler(cost, DEPTHS, seed=3)), 15)
    other = run(begin(KnownCostSampler(cost, DEPTHS, seed=4)), 15)
    assert first == second
    assert first != other


@pytest.mark.parametrize("value", [0.0, 0.8, 1.0, 93.0, -4.0])
def test_a_flat_metric_is_no_obstacle(value: float) -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    assert distinct(run(study, 15, measure=lambda params: value)) == 15


def test_over_budget_and_failed_trials_teach_nothing_but_are_not_repeated() -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    run(study, 8)
    over, failed = study.ask(dict(DEPTHS)), study.ask(dict(DEPTHS))
    over.set_constraint("budget", 5.0)
    study.tell(over, [cost(over.params), 0.0])
    study.tell(failed, state=TrialState.FAIL)
    assert over.number not in posterior_of(study.trials)
    later = run(study, 20)
    assert over.params not in later
    assert failed.params not in later


def test_a_failed_trial_may_be_tried_again_where_the_caller_says_so() -> None:
    space = {"depth": IntDistribution(1, 1), "width": IntDistribution(8, 8)}
    only = space | {"block": CategoricalDistribution(["conv", "mbconv"])}
    study = begin(KnownCostSampler(cost, only, retry=lambda trial: True, seed=0))
    for block in ("conv", "mbconv"):
        study.enqueue_trial({"block": block})
    study.tell(study.ask(dict(only)), state=TrialState.FAIL)
    second = study.ask(dict(only))
    study.tell(second, [cost(second.params), 0.5])
    assert study.ask(dict(only)).params["block"] == "conv"


def test_improvement_per_second_prefers_quick_candidates() -> None:
    def seconds(params: Params) -> float:
        return 1_000.0 if params["block"] == "mbconv" else 1.0

    plain = run(begin(KnownCostSampler(cost, DEPTHS, seed=0)), 20)
    weighed = run(begin(KnownCostSampler(cost, DEPTHS, seconds=seconds, seed=0)), 20)
    assert _slow(weighed) < _slow(plain)


def _slow(tried: list[dict[str, Any]]) -> int:
    return sum(params["block"] == "mbconv" for params in tried[5:])


def test_a_metric_that_falls_is_minimised() -> None:
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=KnownCostSampler(cost, DEPTHS, seed=0)
    )
    tried = run(study, 25, measure=lambda params: 1 - accuracy(params))
    assert sum(params["block"] == "mbconv" for params in tried[5:]) > 10


@pytest.mark.parametrize(
    "directions", [["maximize", "maximize"], ["minimize", "maximize", "maximize"]]
)
def test_other_studies_are_refused(directions: list[str]) -> None:
    study = optuna.create_study(
        directions=directions, sampler=KnownCostSampler(cost, DEPTHS, seed=0)
    )
    with pytest.raises(ValueError, match="needs two objectives, of which number 0 is the cost"):
        study.ask(dict(DEPTHS))


def test_a_cost_index_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="cost_index 2; allowed are 0 and 1"):
        KnownCostSampler(cost, DEPTHS, cost_index=2)


@pytest.mark.slow
def test_the_posterior_of_trials_is_closer_to_the_truth_than_their_noise() -> None:
    generator = np.random.default_rng(0)
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    run(study, 60, measure=lambda params: accuracy(params) + 0.03 * generator.normal())
    found = posterior_of(study.trials)
    assert sorted(found) == list(range(60))
    trials: list[FrozenTrial] = study.trials
    misses = [found[trial.number][0] - accuracy(trial.params) for trial in trials]
    noise = [trial.values[1] - accuracy(trial.params) for trial in trials]
    assert np.std(misses) < 0.7 * np.std(noise)
    assert all(0 < sd < 0.05 for _, sd in found.values())


def test_a_stopped_trials_prediction_counts_by_its_uncertainty() -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, seed=0))
    run(study, 25)
    odd = study.ask(dict(DEPTHS))
    study.tell(odd, [cost(odd.params), 0.3])
    trusted = posterior_of(study.trials)
    doubted = posterior_of(
        study.trials, noise_sd=lambda trial: 0.3 if trial.number == odd.number else 0.0
    )
    truth = accuracy(odd.params)
    assert abs(doubted[odd.number][0] - truth) < abs(trusted[odd.number][0] - truth)


def test_nothing_below_the_least_cost_is_proposed_while_there_is_more() -> None:
    study = begin(KnownCostSampler(cost, DEPTHS, least_cost=10_000, seed=0))
    tried = run(study, 27)
    assert min(cost(params) for params in tried) >= 10_000  # as many as there are

    few = {**DEPTHS, "depth": IntDistribution(1, 2), "width": IntDistribution(8, 16, step=8)}
    study = begin(KnownCostSampler(cost, few, least_cost=500, seed=0))
    tried = run(study, 12, space=few)
    assert distinct(tried) == 12  # 2 depths x 2 widths x 3 blocks: the cheap ones at the end
    assert [cost(params) >= 500 for params in tried] == [True] * 3 + [False] * 9
