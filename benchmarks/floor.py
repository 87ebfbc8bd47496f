"""How often a network that is chosen for a floor of the metric truly lies above it.

    python -m benchmarks.floor

Searches of made-up networks: each is measured once, those of the front again with other seeds, all
on one validation sample, whose error they share. A network is chosen as `nas search` chooses with
`min_metric`, and its truth, which is known here, is compared with the floor. Repeats in which no
network surely reaches the floor choose none with a promise, and are counted apart.
"""

import math
from dataclasses import dataclass

import click
import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from benchmarks.program import Program
from nas.runs.records import FinalRecord
from nas.search.choice import choose, pareto_front
from nas.search.estimates import estimate_all, pool_seed_noise, study_posterior
from nas.search.objective import BY_MACS
from nas.search.trials import records_of
from nas.spec.budget import BudgetSpec
from nas.text_table import aligned

VALIDATION_SD = 0.03
STAGES, WIDTHS, KINDS = 5, 6, 3
Truths = dict[int, float]
SHARES = (0.43, 0.6)
"""The seed's standard deviation to the sample's, as measured on digits and on trash photos."""
QUANTILES = (0.3, 0.6, 0.85)
"""Of the networks' truths, at which the floor lies."""


@dataclass(frozen=True)
class Chosen:
    """What one repeat came to."""

    sure: bool
    """Whether the network's lower bound reaches the floor."""
    true: bool
    """Whether the network itself does."""


@click.command(cls=Program)
@click.option("--repeats", default=100, show_default=True)
@click.option("--trainings", default=25, show_default=True, help="Networks of a search.")
@click.option("--seeds", default=3, show_default=True, help="Trainings of each finalist.")
def main(repeats: int, trainings: int, seeds: int) -> None:
    """Print, for each noise and floor, how often the promise was made and how often it held."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = [("seed's SD", "floor at", "promised", "truly above", "share")]
    for share in SHARES:
        for quantile in QUANTILES:
            chosen = [
                repeat(trainings, seed, share * VALIDATION_SD, quantile, seeds)
                for seed in range(repeats)
            ]
            sure = [item for item in chosen if item.sure]
            held = sum(item.true for item in sure)
            said = f"{held / len(sure):.1%}" if sure else "-"
            noise = f"{share * VALIDATION_SD:.3f}"
            rows.append((noise, f"{quantile:.0%}", f"{len(sure)} of {repeats}", str(held), said))
    click.echo("\n".join(aligned(rows, left=())))


def repeat(trainings: int, seed: int, seed_sd: float, quantile: float, seeds: int) -> Chosen:
    """One search, its finalists and its choice; the floor lies at that quantile of the truths."""
    generator = np.random.default_rng((1, seed))
    shift = float(generator.normal(0, VALIDATION_SD))
    study, truths = searched(trainings, seed, seed_sd, shift)
    records = records_of(study)
    finals = [
        FinalRecord(
            item.number,
            number + 1,
            "trained",
            item.macs,
            truths[item.number] + shift + float(generator.normal(0, seed_sd)),
            VALIDATION_SD,
            epochs=1,
            found_among=trainings,
        )
        for item in pareto_front(records)
        for number in range(seeds)
    ]
    posterior = study_posterior(study)
    noise = pool_seed_noise(finals, posterior.noise_sd)
    estimates = estimate_all(records, posterior, finals, noise)
    floor = float(np.quantile(list(truths.values()), quantile))
    among = {final.trial for final in finals}
    members = [item for item in records if item.number in estimates]
    budget = BudgetSpec(min_metric=floor)
    found = choose(members, estimates, budget, None, objectives=BY_MACS, among=among)
    assert found is not None
    return Chosen(estimates[found.number].lower >= floor, truths[found.number] >= floor)


def searched(
    trainings: int, seed: int, seed_sd: float, shift: float = 0.0
) -> tuple[optuna.Study, Truths]:
    """A study of made-up networks, measured with that noise, and what each truly reaches.

    `shift` is the error of the validation sample, which all share.
    """
    generator = np.random.default_rng(seed)
    effects = generator.normal(0, 0.02, (STAGES, KINDS))
    study, truths = optuna.create_study(directions=["minimize", "maximize"]), {}
    widths, kinds = IntDistribution(1, WIDTHS), CategoricalDistribution(list(range(KINDS)))
    for number in range(trainings):
        drawn = [
            (int(w) + 1, int(k)) for w, k in generator.integers((WIDTHS, KINDS), size=(STAGES, 2))
        ]
        macs = round(1e5 * sum(width**1.5 * (1 + 0.3 * kind) for width, kind in drawn))
        gained = sum(effects[stage, kind] for stage, (_, kind) in enumerate(drawn))
        truths[number] = 0.5 + 0.04 * math.log2(macs / 1e6) + gained + generator.normal(0, 0.005)
        study.add_trial(
            optuna.trial.create_trial(
                params={f"w{stage}": width for stage, (width, _) in enumerate(drawn)}
                | {f"k{stage}": kind for stage, (_, kind) in enumerate(drawn)},
                distributions={f"w{stage}": widths for stage in range(STAGES)}
                | {f"k{stage}": kinds for stage in range(STAGES)},
                values=[macs, truths[number] + shift + generator.normal(0, seed_sd)],
                user_attrs={
                    "outcome": "trained",
                    "validation_sd": VALIDATION_SD,
                    "costs": {"macs": macs, "parameters": 1},
                },
            )
        )
    return study, truths


if __name__ == "__main__":
    main()
