"""The synthetic spaces by name."""

from collections.abc import Callable

from benchmarks.efficiency.problem import Problem
from benchmarks.efficiency.spaces.blocks import blocks
from benchmarks.efficiency.spaces.cells import cells
from benchmarks.efficiency.spaces.layered import Layered
from benchmarks.efficiency.spaces.shufflenet import shufflenet

LAYERED: tuple[Layered, ...] = (
    Layered("additive", levels=(4, 4, 4, 4, 3, 3, 3, 3), seed=1),
    Layered("flat", levels=(3,) * 9, seed=2, low=0.90, high=0.905, rest_sd=0.0008, noise_sd=0.004),
    Layered("noisy", levels=(4, 4, 3, 3, 3, 3, 2, 2), seed=3, noise_sd=0.1),
    Layered("falling", levels=(4,) * 7, seed=4, fall=0.25, low=0.7, rest_sd=0.01),
    Layered("unrelated", levels=(4,) * 7, seed=5, shared=0.0, reversed_layers=0.5, coupling=0.0),
    Layered("wide", levels=(3,) * 24, seed=6, enumerable=False),
    Layered("tiny", levels=(4, 4, 4), seed=7, rest_sd=0.02),
    Layered("rugged", levels=(3,) * 8, seed=8, high=0.85, coupling=1.5, rest_sd=0.02),
)
"""Flat: half a point between worst and best. Noisy: a training's SD is a quarter of the range."""

SPACES: dict[str, Callable[[], Problem]] = {
    **{form.name: form.problem for form in LAYERED},
    "cells": cells,
    "blocks": blocks,
    "shufflenet": shufflenet,
}
