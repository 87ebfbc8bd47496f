"""What a candidate of known cost is expected to add to the front."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Staircase:
    """The best value that is to be had up to each cost (or log-cost): rises from step to step."""

    starts: Floats
    """Cost at which each step begins; the first begins at minus infinity."""
    heights: Floats
    """Value of each step; the first is the reference value."""
    end: float
    """Cost at which the last step ends."""


def staircase(costs: Floats, values: Floats, reference: float, end: float) -> Staircase:
    """The front of points as steps. Points at or below the reference value add nothing."""
    starts, heights = [-np.inf], [reference]
    for index in np.lexsort((-values, costs)):
        if values[index] > heights[-1]:
            starts.append(float(costs[index]))
            heights.append(float(values[index]))
    return Staircase(np.array(starts), np.array(heights), end)


def hypervolume(steps: Staircase) -> float:
    """Area between the steps and the reference value, from the first point to the end."""
    ends = np.append(steps.starts[1:], steps.end)
    widths = np.clip(ends[1:] - steps.starts[1:], 0, None)
    return float(widths @ (steps.heights[1:] - steps.heights[0]))


Improvement = Callable[[Floats, Floats, Floats], Floats]
"""E max(value - height, 0) of means and SDs over heights: candidates x heights."""


def expected_gain(
    costs: Floats,
    means: Floats,
    sds: Floats,
    steps: Staircase,
    improvement: Improvement,
) -> Floats:
    """Expected growth of the area by a candidate each.

    Exact: a candidate raises each step right of its cost to its value, so the growth is the sum of
    the expected improvements over their heights, in closed form, each times the step's width right
    of the candidate.
    """
    ends = np.append(steps.starts[1:], steps.end)
    widths = ends - np.maximum(steps.starts, costs[:, None])
    gains = np.clip(widths, 0, None) * improvement(means, sds, steps.heights)
    return np.asarray(np.sum(gains, axis=1))


def normal_improvement(means: Floats, sds: Floats, heights: Floats) -> Floats:
    """Of values that are normally distributed."""
    margins = means[:, None] - heights
    spreads = np.maximum(sds, 1e-12)[:, None]
    ratio = margins / spreads
    density = np.exp(-0.5 * ratio**2) / np.sqrt(2 * np.pi)
    return np.asarray(np.maximum(margins * ndtr(ratio) + spreads * density, 0.0))


def error_improvement(means: Floats, sds: Floats, heights: Floats) -> Floats:
    """Of errors exp(-number) whose numbers are normally distributed: how much the error falls."""
    spreads = np.maximum(sds, 1e-12)[:, None]
    ratio = (means[:, None] - heights) / spreads
    left = np.exp(np.minimum(0.5 * spreads**2 - means[:, None], 50.0))
    return np.asarray(np.maximum(np.exp(-heights) * ndtr(ratio) - left * ndtr(ratio - spreads), 0))
