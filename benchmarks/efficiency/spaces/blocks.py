"""A conditional space: blocks of three kinds, each with parameters of its own, and repeats."""

from random import Random
from typing import Any

import numpy as np

from benchmarks.efficiency.problem import Params, Problem, exactly, params_key

STAGES = 4
SEED = 11
KINDS = ("conv", "inverted", "shuffle")
KIND_MERIT = {"conv": 0.8, "inverted": 1.15, "shuffle": 0.9}
"""Merit of a block for what it costs."""


def blocks() -> Problem:
    """Four stages, each left out or 1 to 3 blocks of one kind: 5 billion networks.

    The first stages cost more for their larger maps; merit follows the logarithm of each stage's
    cost by kind, less for a jump in width and more for a squeeze-excitation late.
    """
    return Problem(
        name="blocks",
        define=_define,
        cost=_cost,
        metric=_metric,
        key=params_key,
        observe=exactly(_metric),
        enumerable=False,
    )


def _define(trial: Any) -> None:
    for stage in range(STAGES):
        at = f"stage{stage}"
        if trial.suggest_int(f"{at}.repeat", 0 if stage else 1, 3) == 0:
            continue
        kind = trial.suggest_categorical(f"{at}.kind", list(KINDS))
        if kind == "conv":
            trial.suggest_int(f"{at}.conv.width", 16, 96, step=16)
        elif kind == "inverted":
            trial.suggest_int(f"{at}.inverted.width", 16, 96, step=16)
            trial.suggest_float(f"{at}.inverted.expand", 1.0, 4.0, step=0.5)
            trial.suggest_categorical(f"{at}.inverted.se", [False, True])


def _stages(params: Params) -> list[tuple[int, str, int, float, bool]]:
    """Repeats, kind, width, expansion and squeeze-excitation of each stage that is there."""
    found, width = [], 16
    for stage in range(STAGES):
        at = f"stage{stage}"
        repeat = params[f"{at}.repeat"]
        if repeat == 0:
            continue
        kind = params[f"{at}.kind"]
        width = 2 * width if kind == "shuffle" else params[f"{at}.{kind}.width"]
        inverted = kind == "inverted"
        expand = params[f"{at}.inverted.expand"] if inverted else 1.0
        found.append((repeat, kind, width, expand, inverted and params[f"{at}.inverted.se"]))
    return found


def _stage_cost(repeat: int, kind: str, before: int, width: int, expand: float, area: int) -> float:
    """MACs: 3x3 convolutions, expand-depthwise-project, or a shuffle's pair of pointwise halves."""
    total = 0.0
    for copy in range(repeat):
        into = before if copy == 0 else width
        if kind == "conv":
            total += 9 * into * width
        elif kind == "inverted":
            total += expand * into * (into + 9 + width)
        else:
            total += width * width / 2 + 9 * width / 2
    return total * area


def _cost(params: Params) -> float:
    total, before = 2e5, 16
    for place, (repeat, kind, width, expand, _) in enumerate(_stages(params)):
        total += _stage_cost(repeat, kind, before, width, expand, 256 >> place)
        before = width
    return total


def _metric(params: Params) -> float:
    merit, before = 0.0, 16
    stages = _stages(params)
    for place, (repeat, kind, width, expand, se) in enumerate(stages):
        size = np.log2(1 + _stage_cost(repeat, kind, before, width, expand, 1) / 2_000)
        merit += KIND_MERIT[kind] * size * (0.7 + 0.2 * place)
        merit += 0.15 * place * se - 0.3 * max(0.0, np.log2(width / before) - 1)
        before = width
    rest = 0.003 * Random(repr((SEED, sorted(params.items())))).gauss(0, 1)
    return float(np.clip(0.35 + 0.58 * (1 - np.exp(-merit / 6)) + rest, 0.0, 1.0))
