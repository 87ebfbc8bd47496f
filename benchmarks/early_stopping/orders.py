"""Orders in which a search may come upon the networks of a pool."""

from collections.abc import Callable

import numpy as np

from benchmarks.early_stopping.pool import Pool

FIRST_AT_RANDOM = 8
"""Networks that a guided search begins with, before it has a model."""


def random_order(pool: Pool, seed: int) -> list[int]:
    """As random search draws them."""
    return [int(n) for n in np.random.default_rng(seed).permutation(len(pool.networks))]


def guided_order(pool: Pool, seed: int) -> list[int]:
    """As a sampler with a model draws them: a few at random, then those first that promise most.

    The promise is how far the final metric lies above its trend over log-MACs, known with an error
    as large as its spread.
    """
    cost = np.log([item.curve.cost for item in pool.networks])
    final = np.array([item.curve.best for item in pool.networks])
    rise = final - np.polyval(np.polyfit(cost, final, 1), cost)
    error = np.random.default_rng([seed, 1]).normal(0, rise.std(), len(final))
    numbers = random_order(pool, seed)
    first, later = numbers[:FIRST_AT_RANDOM], numbers[FIRST_AT_RANDOM:]
    return [*first, *sorted(later, key=lambda number: -(rise + error)[number])]


ORDERS: dict[str, Callable[[Pool, int], list[int]]] = {
    "random": random_order,
    "guided": guided_order,
}
