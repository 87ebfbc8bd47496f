"""What early stopping saves and loses, replayed on recorded learning curves of real networks.

    python -m benchmarks.stopping POOL.jsonl
    python -m benchmarks.stopping POOL.jsonl --record --space SPACE.yaml --data DIR
    python -m benchmarks.stopping SEARCH --seed-sd 0.015

The networks of the pool (a file, or the folder of a search with `--stop none`) come in an order;
each is trained as a search would train it, its epochs being read from the record. Printed is how
many times fewer epochs than without stopping were spent until a share of the pool's hypervolume was
there, and in all. A member of the pool's front that was stopped counts as lost.
"""

from pathlib import Path

import click

from benchmarks.early_stopping.comparison import Arm, compare
from benchmarks.early_stopping.orders import ORDERS
from benchmarks.early_stopping.pool import Pool, pool_of_search, read_pool
from benchmarks.program import Program
from nas.search.stopping.asha import REDUCTION, BandedHalving
from nas.search.stopping.dominance import DEVIATIONS, LEAST_CURVES, LUCK, DominanceRule
from nas.spec.space import load_space

PATH = click.Path(path_type=Path)


@click.command(cls=Program)
@click.argument("pool_file", type=PATH)
@click.option("--seeds", default=10, show_default=True, help="Orders of each kind.")
@click.option("--seed-sd", default=0.0, help="Of a final metric, where the pool is a search.")
@click.option("--deviations", default=DEVIATIONS, show_default=True, help="Of the dominance rule.")
@click.option("--luck", default=LUCK, show_default=True, help="Of the dominance rule.")
@click.option("--least-curves", default=LEAST_CURVES, show_default=True, help="Before any stop.")
@click.option("--reduction", default=REDUCTION, show_default=True, help="Of the halving.")
@click.option("--record", is_flag=True, help="Add networks to the file first.")
@click.option("--space", type=PATH, help="With --record: whose networks, and how they are trained.")
@click.option("--data", type=PATH, help="With --record  [default: that of the packages]")
@click.option("--count", default=40, show_default=True, help="With --record: how many networks.")
@click.option("--seed", default=0, show_default=True, help="With --record: which networks.")
@click.option("--short-epochs", default=3, show_default=True, help="With --record.")
def main(
    pool_file: Path,
    seeds: int,
    seed_sd: float,
    deviations: float,
    luck: float,
    least_curves: int,
    reduction: int,
    record: bool,
    space: Path | None,
    data: Path | None,
    count: int,
    seed: int,
    short_epochs: int,
) -> None:
    """Compare rules on the recorded networks of POOL_FILE."""
    if record:
        _record(pool_file, space, data, count=count, seed=seed, short_epochs=short_epochs)
    is_search = pool_file.is_dir()
    pool = pool_of_search(pool_file, seed_sd) if is_search else read_pool(pool_file)
    dominance = DominanceRule(
        pool.epochs, deviations=deviations, luck=luck, least_curves=least_curves
    )
    halving = BandedHalving(pool.epochs, reduction=reduction)
    _compare(pool, dominance, halving, seeds)


def _record(
    path: Path, space: Path | None, data: Path | None, *, count: int, seed: int, short_epochs: int
) -> None:
    from benchmarks.early_stopping.recording import record  # torch takes seconds to import

    if space is None:
        raise click.UsageError("--record needs --space")
    lines = record(path, load_space(space), data, count=count, seed=seed, short_epochs=short_epochs)
    for line in lines:
        click.echo(line)


def _compare(pool: Pool, dominance: DominanceRule, halving: BandedHalving, seeds: int) -> None:
    arms = [
        Arm("dominance", dominance, short=False),
        Arm("asha", halving, short=False),
    ]
    if any(item.curve.short for item in pool.networks):
        arms += [
            Arm("dominance after a short run", dominance, short=True),
            Arm("asha after a short run", halving, short=True),
        ]
    click.echo(
        f"{len(pool.networks)} networks of {pool.epochs} epochs, "
        f"{len(pool.front)} of them on the front; from seed to seed a final metric has a standard "
        f"deviation of {pool.networks[0].curve.seed_sd:.4f}"
    )
    for order in ORDERS:
        click.echo(f"\n{order} order, times fewer than without stopping, median of {seeds} seeds")
        click.echo(compare(pool, arms, order, seeds))


if __name__ == "__main__":
    main()
