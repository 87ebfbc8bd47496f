"""A search whose score has a cliff, chosen naively and honestly: how often does the choice fall?

    python -m benchmarks.seeds_fall

The search that this project grew from chose a network with F1 0.5176 on the public test set that
had 0.4892 on the private one, below the score's cliff at 0.5: from 3rd of 10 to 9th. Here many
such searches are made up: networks whose true F1 crosses 0.5 where the seeds' did, around 1.8 M
MACs, and grows so slowly with MACs that the score pulls down to the cliff. What is measured
differs from the truth by the validation sample (one for the whole search; each network has its own
share of luck with it) and by the training seed. Everything that chooses is the program's own.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import click
import numpy as np
import optuna

from benchmarks.program import Program
from nas.runs.records import FinalRecord
from nas.search.choice import as_measured, choose, pareto_front
from nas.search.estimates import study_posterior
from nas.search.finalists import Final, next_final
from nas.search.known_cost import KnownCostSampler
from nas.search.objective import Objectives
from nas.search.results import judge
from nas.search.settings import SearchSettings
from nas.search.trials import noise_sd, records_of
from nas.spec.budget import BudgetSpec
from nas.spec.score import parse_score
from nas.spec.search import SearchSpec
from nas.text_table import aligned

SamplerName = Literal["known_cost", "tpe", "random"]
SCORE = "pstage4"
OBJECTIVES = Objectives("macro_f1")
CLIFF = 0.5
CLIFF_MACS = 1_000_000
"""MACs at which the best kinds of block reach a true F1 of 0.5; others need two or three times."""
F1_A_DOUBLING = 0.04
"""F1 gained by twice the MACs along the true front: so little that the score pulls to the cliff."""
SAMPLE_SD = 0.02
"""Of F1 over samples: two samples then differ by 0.028, as public and private did."""
SHARED, OWN = 0.6, 0.1
"""Shares of that variance: what a sample means for all networks alike, since they fail at the same
pictures, and for one network whatever its seed. The rest is luck of each training."""
SEED_SD = 0.012
STAGES = ("stem", "m2", "m3", "m4", "m5")
WIDTHS, KINDS = 6, 3


@dataclass(frozen=True)
class Network:
    """A made-up network."""

    key: str
    macs: int
    macro_f1: float
    """True: over all pictures and seeds."""


class World:
    """Networks, and what a validation sample and seeds make of them."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.seed = seed
        self.weights = generator.uniform(0.5, 1.5, len(STAGES))
        self.effects = generator.normal(0, 0.02, (len(STAGES), KINDS))
        self.shared = generator.normal(0, SAMPLE_SD * math.sqrt(SHARED))

    def network(self, params: Mapping[str, Any]) -> Network:
        """The network of a width and a kind of block for each of five stages."""
        widths = [params[f"{name}.width"] for name in STAGES]
        kinds = [params[f"{name}.block"] for name in STAGES]
        per_stage = self.weights * np.array(widths) ** 1.5 * (1 + 0.3 * np.array(kinds))
        macs = round(60_000 * per_stage.sum())
        key = f"{self.seed} {widths} {kinds}"
        lost = sum(
            self.effects[place].max() - self.effects[place, kind]
            for place, kind in enumerate(kinds)
        )
        own = abs(_own(key, "own").normal(0, 0.01))
        truth = CLIFF + F1_A_DOUBLING * math.log2(macs / CLIFF_MACS) - lost - own
        return Network(key, macs, float(np.clip(truth, 0.05, 0.95)))

    def measure(self, network: Network, training_seed: int) -> float:
        """F1 of one training on the validation sample."""
        own = _own(network.key, "sample").normal(0, SAMPLE_SD * math.sqrt(OWN))
        spread = math.hypot(SEED_SD, SAMPLE_SD * math.sqrt(1 - SHARED - OWN))
        luck = _own(network.key, f"seed {training_seed}").normal(0, spread)
        return float(np.clip(network.macro_f1 + self.shared + own + luck, 0.0, 1.0))


def _own(key: str, what: str) -> np.random.Generator:
    """Random numbers that belong to a network."""
    return np.random.default_rng(list(f"{key} {what}".encode()))


def _draw(trial: optuna.Trial) -> dict[str, Any]:
    for name in STAGES:
        trial.suggest_int(f"{name}.width", 1, WIDTHS)
        trial.suggest_categorical(f"{name}.block", list(range(KINDS)))
    return trial.params


def _sampler(name: SamplerName, world: World, seed: int) -> optuna.samplers.BaseSampler:
    if name == "known_cost":
        return KnownCostSampler(
            lambda params: float(world.network(params).macs), noise_sd=noise_sd, seed=seed
        )
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


@dataclass(frozen=True)
class Chosen:
    """What a rule chose in one search."""

    rule: str
    network: Network
    score: float
    """At its true F1."""


def search(
    world: World, settings: SearchSettings, sampler: SamplerName
) -> tuple[optuna.Study, dict[int, Network]]:
    """A search's study, and its networks by trial number."""
    study = optuna.create_study(
        directions=["minimize", "maximize"],
        sampler=_sampler(sampler, world, settings.search.seed),
    )
    networks: dict[int, Network] = {}
    known: set[str] = set()
    while len(networks) < settings.search.trials:
        trial = study.ask()
        network = world.network(_draw(trial))
        trial.set_user_attr("macs", network.macs)
        measured = world.measure(network, 0)
        if network.key in known:
            trial.set_user_attr("outcome", "duplicate")
        else:
            known.add(network.key)
            networks[trial.number] = network
            trial.set_user_attr("outcome", "trained")
            trial.set_user_attr("architecture_hash", network.key)
            trial.set_user_attr("validation_sd", SAMPLE_SD)
        study.tell(trial, [network.macs, measured])
    return study, networks


def choices(seed: int, trials: int, sampler: SamplerName) -> Iterator[Chosen]:
    """What each rule chooses in one made-up search."""
    world = World(seed)
    settings = SearchSettings(
        search=SearchSpec(trials=trials, seed=seed), score=SCORE, budget=BudgetSpec()
    )
    study, networks = search(world, settings, sampler)
    records = records_of(study)
    front = pareto_front(records)
    naive = choose(
        front, as_measured(front), settings.budget, settings.score, objectives=OBJECTIVES
    )
    posterior = study_posterior(study)
    finals: list[FinalRecord] = []
    by_model = judge(records, posterior, finals, settings, objectives=OBJECTIVES).choice
    while (
        final := next_final(records, posterior, finals, settings, objectives=OBJECTIVES)
    ) is not None:
        finals.append(_repeat(world, networks[final.trial], final))
    honest = judge(records, posterior, finals, settings, objectives=OBJECTIVES).choice
    named = {"lowest measured score": naive, "bounds of the model": by_model, "finalists": honest}
    for rule, choice in named.items():
        assert choice is not None
        network = networks[choice.number]
        yield Chosen(rule, network, true_score(network))
    best = min(networks.values(), key=true_score)
    yield Chosen("the best there was", best, true_score(best))


def _repeat(world: World, network: Network, final: Final) -> FinalRecord:
    return FinalRecord(
        trial=final.trial,
        seed=final.seed,
        state="trained",
        macs=network.macs,
        metric=world.measure(network, final.seed),
        metric_sd=SAMPLE_SD,
        epochs=final.epochs,
        found_among=final.found_among,
    )


def true_score(network: Network) -> float:
    """The score that a network has at its true F1."""
    return parse_score(SCORE)({"macs": network.macs, "metric": network.macro_f1})


def table(chosen: Sequence[Chosen]) -> str:
    """A line a rule: share of choices below the cliff, and what they cost and are."""
    rows = [("choice by", "below the cliff", "true score", "true F1", "MACs")]
    for rule in dict.fromkeys(item.rule for item in chosen):
        own = [item for item in chosen if item.rule == rule]
        rows.append(
            (
                rule,
                f"{100 * share_below(own):.0f} %",
                f"{np.mean([item.score for item in own]):.3f}",
                f"{np.mean([item.network.macro_f1 for item in own]):.4f}",
                f"{np.mean([item.network.macs for item in own]) / 1e6:.2f} M",
            )
        )
    return "\n".join(aligned(rows, {0}))


def share_below(chosen: Sequence[Chosen]) -> float:
    """Share of choices whose true F1 is below the cliff."""
    return float(np.mean([item.network.macro_f1 < CLIFF for item in chosen]))


@click.command(cls=Program)
@click.option(
    "--searches", type=click.IntRange(1), default=100, show_default=True, help="Made-up searches."
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Networks that each one trains.",
)
@click.option(
    "--sampler", type=click.Choice(get_args(SamplerName)), default="known_cost", show_default=True
)
def main(searches: int, trials: int, sampler: SamplerName) -> None:
    """How often a choice falls off the cliff of the score, by the way of choosing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chosen = [item for seed in range(searches) for item in choices(seed, trials, sampler)]
    click.echo(f"{searches} searches of {trials} networks each, sampler {sampler}")
    click.echo(table(chosen))


if __name__ == "__main__":
    main()
