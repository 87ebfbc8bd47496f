"""What a candidate of known cost is expected to add to the front.

Axes: M candidates, S steps of the front.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Staircase:
    """The best value that is to be had up to each cost (or log-cost): rises from step to step."""

    starts_S: Floats
    """Cost at which each step begins; the first begins at minus infinity."""
    heights_S: Floats
    """Value of each step; the first is the reference value."""
    end: float
    """Cost at which the last step ends."""


def staircase(costs_M: Floats, values_M: Floats, reference: float, end: float) -> Staircase:
    """The front of points as steps. Points at or below the reference value add nothing."""
    starts_S, heights_S = [-np.inf], [reference]
    for index in np.lexsort((-values_M, costs_M)):
        if values_M[index] > heights_S[-1]:
            starts_S.append(float(costs_M[index]))
            heights_S.append(float(values_M[index]))
    return Staircase(np.array(starts_S), np.array(heights_S), end)


def hypervolume(steps: Staircase) -> float:
    """Area between the steps and the reference value, from the first point to the end."""
    ends_S = np.append(steps.starts_S[1:], steps.end)
    widths = np.clip(ends_S[1:] - steps.starts_S[1:], 0, None)
    return float(widths @ (steps.heights_S[1:] - steps.heights_S[0]))


Improvement = Callable[[Floats, Floats, Floats], Floats]
"""E max(value - height, 0) of means and SDs over heights: candidates x heights."""


def expected_gain(
    costs_M: Floats,
    means_M: Floats,
    sds_M: Floats,
    steps: Staircase,
    improvement: Improvement,
) -> Floats:
    """Expected growth of the area by a candidate each.

    Exact: a candidate raises each step right of its cost to its value, so the growth is the sum of
    the expected improvements over their heights, in closed form, each times the step's width right
    of the candidate.
    """
    ends_S = np.append(steps.starts_S[1:], steps.end)
    widths_MS = ends_S - np.maximum(steps.starts_S, costs_M[:, None])
    gains_MS = np.clip(widths_MS, 0, None) * improvement(means_M, sds_M, steps.heights_S)
    return np.asarray(np.sum(gains_MS, axis=1))


def normal_improvement(means_M: Floats, sds_M: Floats, heights_S: Floats) -> Floats:
    """Of values that are normally distributed."""
    margins_MS = means_M[:, None] - heights_S
    spreads_M1 = np.maximum(sds_M, 1e-12)[:, None]
    ratio_MS = margins_MS / spreads_M1
    density_MS = np.exp(-0.5 * ratio_MS**2) / np.sqrt(2 * np.pi)
    return np.asarray(np.maximum(margins_MS * ndtr(ratio_MS) + spreads_M1 * density_MS, 0.0))


def error_improvement(means_M: Floats, sds_M: Floats, heights_S: Floats) -> Floats:
    """Of errors exp(-number) whose numbers are normally distributed: how much the error falls."""
    spreads_M1 = np.maximum(sds_M, 1e-12)[:, None]
    ratio_MS = (means_M[:, None] - heights_S) / spreads_M1
    left_MS = np.exp(np.minimum(0.5 * spreads_M1**2 - means_M[:, None], 50.0))
    falls_MS = np.exp(-heights_S) * ndtr(ratio_MS) - left_MS * ndtr(ratio_MS - spreads_M1)
    return np.asarray(np.maximum(falls_MS, 0))
