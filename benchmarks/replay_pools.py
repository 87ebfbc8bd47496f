"""What samplers find in recorded pools of large spaces after 10, 20 and 60 trainings.

    python -m benchmarks.replay_pools POOL.jsonl...

The pools are those of `benchmarks/record_pools.py`. A study chooses among a pool's members, and is
told the best epoch of the first seed. What it has found counts by the mean of all seeds: the front
of it, interpolated in log-MACs, at 10, 20, 40 and 100 % of the highest multiply-adds of the pool;
where it has nothing as cheap, the worst metric of the pool. Medians of the replays.

`known_cost` is the sampler of a search, in a space of which all members are the pool's. Optuna's
TPE can't be told such a space: it draws from the whole one, and gets the member that is nearest to
its draw of those not trained yet. `random` takes them in random order, which is even in log-MACs
as the pool is, not as draws of the space are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState, create_trial

from benchmarks.hypervolume import undominated
from benchmarks.json_lines import read_json_lines
from benchmarks.program import Program
from benchmarks.record_pools import SPACES
from nas.errors import NasError
from nas.search.known_cost import KnownCostSampler
from nas.search.known_cost.replay import NO_VALUE, Replay, position, settled
from nas.search.pricing import PricedSpace
from nas.search.samplers import build_sampler
from nas.spec.budget import BudgetSpec
from nas.spec.definition import InputSpec
from nas.spec.space import load_space
from nas.text_table import aligned

AFTER = (10, 20, 60)
SHARES = (0.1, 0.2, 0.4, 1.0)
"""Of the highest multiply-adds, at which the fronts are compared."""
Key = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PoolMember:
    """One network of a pool."""

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    macs: int
    observed: float
    """Best validation metric of the first seed."""
    truth: float
    """Mean over the seeds."""

    @property
    def key(self) -> Key:
        return key_of_params(self.params)


@dataclass(frozen=True)
class RecordedPool:
    """The members of a space that were trained on one data set."""

    name: str
    space: PricedSpace
    members: tuple[PoolMember, ...]

    def front_at(self, found: Sequence[PoolMember]) -> list[float]:
        """Metric of the interpolated front of what was found, at each share of the MACs."""
        highest, worst = max(item.macs for item in self.members), self._worst
        if not found:
            return [worst] * len(SHARES)
        kept = undominated([item.macs for item in found], [item.truth for item in found])
        logs = [log(found[row].macs) for row in kept]
        metrics = [found[row].truth for row in kept]
        places = [log(share * highest) for share in SHARES]
        return np.interp(places, logs, metrics, left=worst).tolist()

    @property
    def _worst(self) -> float:
        return min(item.truth for item in self.members)


def key_of_params(params: Mapping[str, Any]) -> Key:
    """Equal for the same values in any order."""
    return tuple(sorted(params.items()))


def read_recorded_pool(path: Path) -> RecordedPool:
    """The pool of a file. Raises NasError for another kind of file."""
    rows = list(read_json_lines(path, ("space", "hash", "params", "macs", "seed", "history")))
    name = rows[0]["space"]
    if name not in SPACES:
        raise NasError(f"no recorded space {name!r}; allowed: {', '.join(SPACES)}", file=path)
    size = InputSpec.parsed(SPACES[name].input)
    given = load_space(f"{name}.yaml").with_keys(input=size.model_dump())
    space = PricedSpace(given, BudgetSpec())
    by_hash: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_hash.setdefault(row["hash"], []).append(row)
    members = [_member(space, found) for found in by_hash.values()]
    return RecordedPool(path.stem, space, tuple(members))


def _member(space: PricedSpace, rows: list[dict[str, Any]]) -> PoolMember:
    first, *_ = sorted(rows, key=lambda row: int(row["seed"]))
    replay = Replay(np.random.default_rng(0), first["params"])
    space.draw(replay)
    finals = [max(row["history"]) for row in rows]
    truth = sum(finals) / len(finals)
    observed = max(first["history"])
    return PoolMember(replay.params, replay.distributions, first["macs"], observed, truth)


class PoolSpace:
    """A pool as the space of our sampler: whatever it draws is one of the members."""

    def __init__(self, members: Sequence[PoolMember]) -> None:
        self.members = members
        self.by_key = {item.key: item for item in members}

    def __call__(self, trial: Replay) -> None:
        """Draw the member that is inherited as a whole, else any."""
        member = self.by_key.get(key_of_params(trial.inherited))
        if member is None:
            member = self.members[int(trial.generator.integers(len(self.members)))]
            trial.drawn += 1
        trial.params.update(member.params)
        trial.distributions.update(member.distributions)

    def cost(self, params: Mapping[str, Any]) -> float:
        return float(self.by_key[key_of_params(params)].macs)


def known_cost(pool: RecordedPool, seed: int) -> Iterator[PoolMember]:
    """The members in the order in which the sampler of a search proposes them."""
    space = PoolSpace(pool.members)
    sampler = KnownCostSampler(space.cost, space, key=key_of_params, seed=seed)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    while True:
        trial = study.ask()
        member = space.by_key.get(key_of_params(trial.relative_params))
        study.tell(trial, state=TrialState.FAIL)
        if member is None:
            return
        yield member
        study.add_trial(_told(member))


def tpe(pool: RecordedPool, seed: int) -> Iterator[PoolMember]:
    """The members that are nearest to the proposals of Optuna's TPE."""
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=build_sampler("tpe", seed, pool.space)
    )
    left = list(pool.members)
    while left:
        trial = study.ask()
        pool.space.draw(trial)
        drawn, distributions = trial.params, trial.distributions
        study.tell(trial, state=TrialState.FAIL)
        member = min(left, key=partial(_distance, drawn, distributions))
        left.remove(member)
        yield member
        study.add_trial(_told(member))


def random_order(pool: RecordedPool, seed: int) -> Iterator[PoolMember]:
    """The members in random order."""
    for row in np.random.default_rng(seed).permutation(len(pool.members)):
        yield pool.members[row]


SAMPLERS: dict[str, Callable[[RecordedPool, int], Iterator[PoolMember]]] = {
    "random": random_order,
    "tpe": tpe,
    "known_cost": known_cost,
}


def _told(member: PoolMember) -> optuna.trial.FrozenTrial:
    return create_trial(
        params=dict(member.params),
        distributions=dict(member.distributions),
        values=[float(member.macs), member.observed],
    )


def _distance(
    drawn: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], member: PoolMember
) -> float:
    """Parameters that only one has or that are other choices, and the distance of numbers."""
    both = drawn.keys() & member.params.keys()
    apart = float(len(drawn.keys() ^ member.params.keys()))
    for name in both:
        left, right, distribution = drawn[name], member.params[name], distributions[name]
        if isinstance(left, str | bool) or settled(distribution, right) is NO_VALUE:
            apart += left != right
        elif hasattr(distribution, "low"):
            apart += abs(position(distribution, left) - position(distribution, right))
        else:
            apart += left != right
    return apart


@click.command(cls=Program)
@click.argument(
    "paths", metavar="POOL...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--replays", type=click.IntRange(1), default=40, show_default=True)
@click.option("--samplers", default=",".join(SAMPLERS), show_default=True)
def main(paths: tuple[Path, ...], replays: int, samplers: str) -> None:
    """Replay searches on recorded pools and print what they find."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for path in paths:
        pool = read_recorded_pool(path)
        click.echo(f"\n{pool.name}, {len(pool.members)} networks, medians of {replays} replays")
        click.echo("\n".join(table(pool, samplers.split(","), replays)))


def table(pool: RecordedPool, samplers: Sequence[str], replays: int) -> list[str]:
    """A line for each sampler and number of trainings, and for all of the pool."""
    shares = [f"{100 * share:.0f} % of MACs" for share in SHARES]
    rows = [("sampler", "trainings", *shares, "mean")]
    for name in samplers:
        orders = [_first(SAMPLERS[name](pool, seed), max(AFTER)) for seed in range(replays)]
        for after in AFTER:
            if after < len(pool.members):
                rows.append(_row(name, str(after), [pool.front_at(o[:after]) for o in orders]))
    rows.append(_row("all", str(len(pool.members)), [pool.front_at(pool.members)]))
    return aligned(rows, left=(0,))


def _first(order: Iterator[PoolMember], count: int) -> list[PoolMember]:
    return [member for member, _ in zip(order, range(count), strict=False)]


def _row(name: str, after: str, fronts: Sequence[Sequence[float]]) -> tuple[str, ...]:
    columns = [median(column) for column in zip(*fronts, strict=True)]
    mean = median(sum(front) / len(front) for front in fronts)
    return (name, after, *(f"{value:.3f}" for value in columns), f"{mean:.3f}")


if __name__ == "__main__":
    main()
