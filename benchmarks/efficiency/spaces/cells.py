"""A cell of four nodes as in NAS-Bench-201: six edges, five operations, many networks broken."""

from random import Random
from typing import Any

import numpy as np

from benchmarks.efficiency.problem import Params, Problem, exactly, params_key

OPERATIONS = ("none", "skip", "pool", "conv1x1", "conv3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
MACS = {"none": 0.0, "skip": 0.0, "pool": 0.0, "conv1x1": 3.93e6, "conv3x3": 35.39e6}
BASE_MACS = 7.78e6
STRENGTH = {"skip": 0.25, "pool": 0.1, "conv1x1": 0.7, "conv3x3": 1.0}
SEED = 7


def cells() -> Problem:
    """15,625 cells with the costs of NAS-Bench-201, so with few distinct ones.

    The metric grows with the strength of the operations along every path from node 0 to node 3,
    more for parallel paths with a skip beside convolutions; a cell without a path is at chance,
    0.1, and one without a convolution far behind.
    """
    return Problem(
        name="cells",
        define=_define,
        cost=_cost,
        metric=_metric,
        key=params_key,
        observe=exactly(_metric),
    )


def _define(trial: Any) -> None:
    for place in range(len(EDGES)):
        trial.suggest_categorical(f"edge{place}", list(OPERATIONS))


def _cost(params: Params) -> float:
    return BASE_MACS + sum(MACS[params[f"edge{place}"]] for place in range(len(EDGES)))


def _paths(params: Params) -> list[list[str]]:
    """Operations along each unbroken path from node 0 to node 3."""
    operation = {edge: params[f"edge{place}"] for place, edge in enumerate(EDGES)}
    routes = ([(0, 3)], [(0, 1), (1, 3)], [(0, 2), (2, 3)], [(0, 1), (1, 2), (2, 3)])
    paths = ([operation[edge] for edge in route] for route in routes)
    return [path for path in paths if "none" not in path]


def _metric(params: Params) -> float:
    paths = _paths(params)
    if not paths:
        return 0.1
    strength = sum(sum(STRENGTH[op] for op in path) ** 0.7 for path in paths) / 5
    residual = any(set(path) == {"skip"} for path in paths)
    deep = max(sum(op.startswith("conv") for op in path) for path in paths)
    merit = strength + 0.12 * residual * (deep >= 2) + 0.12 * deep
    rest = 0.006 * Random(repr((SEED, sorted(params.items())))).gauss(0, 1)
    return float(np.clip(0.55 + 0.4 * (1 - np.exp(-2.5 * merit)) + rest, 0.0, 1.0))
