"""Milliseconds of processor time that the price of a network takes.

    python -m benchmarks.pricing [SPACE...]

The slow way makes the architecture, counts its blocks, hashes and writes it, as `nas search` does
with each network that it trains. The fast way is what its sampler asks of thousands of candidates,
by their parameters. Both are timed on the same random members, in turns, the first time that these
are seen and again.
"""

from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Any

import click
import numpy as np

from benchmarks.program import Program
from nas.search.candidates import price
from nas.search.pricing import PricedSpace
from nas.spec.load import installed_spaces
from nas.spec.space import SpaceSpec, load_space
from nas.spec.trial import GivenTrial, RandomTrial
from nas.text_table import aligned

Params = Mapping[str, Any]
HEADINGS = ("space", "slow, new", "fast, new", "ratio", "slow, seen", "fast, seen", "ratio")


@click.command(cls=Program)
@click.argument("spaces", nargs=-1)
@click.option("--networks", type=click.IntRange(2), default=300, help="Random members of each.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the members.")
def main(spaces: tuple[str, ...], networks: int, seed: int) -> None:
    """Time the prices of random members of some spaces, by default of all that are installed."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for name in spaces or installed_spaces():
        rows.append((name, *measure(load_space(name), networks, seed)))
    click.echo("\n".join(aligned(rows, left=[0])))


def measure(space: SpaceSpec, networks: int, seed: int) -> tuple[str, ...]:
    """Milliseconds a network, as text in the order of `HEADINGS`."""
    generator = np.random.default_rng(seed)
    members = [draw_params(space, generator) for _ in range(networks)]
    fast = PricedSpace(space, space.budget)
    ways = (lambda params: slow_price(space, params), lambda params: fast_price(fast, params))
    cells: list[str] = []
    for _ in ("new", "seen"):
        slow_ms, fast_ms = time_in_turns(ways, members)
        cells += [f"{slow_ms:.2f}", f"{fast_ms:.3f}", f"{slow_ms / fast_ms:.0f}"]
    return tuple(cells)


def draw_params(space: SpaceSpec, generator: np.random.Generator) -> Params:
    """The parameters of a random member."""
    draw = RandomTrial(generator)
    space.sample(draw)
    return draw.params


def slow_price(space: SpaceSpec, params: Params) -> tuple[int, str]:
    """MACs and hash."""
    candidate = price(space.sample(GivenTrial(params)))
    return candidate.macs, candidate.architecture_hash


def fast_price(space: PricedSpace, params: Params) -> tuple[int, str]:
    """MACs and hash, without what is remembered of whole networks."""
    priced = space.draw(GivenTrial(params))
    return priced.cost.macs, priced.key


def time_in_turns(
    ways: Sequence[Callable[[Params], tuple[int, str]]], members: Sequence[Params]
) -> list[float]:
    """Mean milliseconds of each way. Raises ValueError where two ways differ."""
    spent = [0.0] * len(ways)
    for params in members:
        found = set()
        for index, way in enumerate(ways):
            start = process_time()
            found.add(way(params))
            spent[index] += process_time() - start
        if len(found) != 1:
            raise ValueError(f"the prices of {params} differ: {sorted(found)}")
    return [1e3 * seconds / len(members) for seconds in spent]


if __name__ == "__main__":
    main()
