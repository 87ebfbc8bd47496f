"""How alike two members are expected to be in their metric.

Axes: M members, N others, D columns of an encoded member, P parameters, C coordinates of corners.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """Members as the kernel sees them."""

    vectors_MD: Floats
    """Encoded parameters: members x columns."""
    costs_M: Floats
    """Log-costs on a scale on which about all of them lie between -1 and 1."""

    def __len__(self) -> int:
        return len(self.costs_M)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> "Inputs":
        return Inputs(self.vectors_MD[rows], self.costs_M[rows])


@dataclass(frozen=True)
class Columns:
    """What the columns of the vectors are."""

    groups_D: NDArray[np.intp]
    """For each column the index of its parameter."""
    numbers_D: NDArray[np.bool_]
    """Whether it is a number; else it is a coordinate of a choice's corner."""

    @classmethod
    def none(cls) -> "Columns":
        """Of no parameters."""
        return cls(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=bool))

    @property
    def parameters(self) -> int:
        return int(self.groups_D.max()) + 1 if len(self.groups_D) else 0


@dataclass(frozen=True)
class Kernel:
    """A rough part of parameters and cost together, and a line of each.

    The rough part is a product over parameters: exp(-distance / length) for each number
    (Ornstein-Uhlenbeck), exp(-1 / length) for another choice (the weighted Hamming distance of
    Hutter et al. 2014, arXiv:1211.0906), both for a number with few values; and Gaussian in
    log-cost. All are for a metric scaled to mean 0 and SD 1.
    """

    columns: Columns
    lengths_P: Floats
    """Distance over which the rough part falls to 1/e, by parameter."""
    cost_length: float
    rough_sd: float
    line_sd: float
    """SD of what the lines of all parameters together amount to."""
    cost_line_sd: float
    norm: float
    """Mean squared length of a vector."""

    def covariance(self, left: Inputs, right: Inputs) -> Floats:
        """Covariance of each member on the left with each on the right."""
        rough_MN = np.exp(-self._distance(left, right))
        lines_MN = left.vectors_MD @ right.vectors_MD.T * (self.line_sd**2 / self.norm)
        cost_line_MN = np.outer(left.costs_M, right.costs_M) * self.cost_line_sd**2
        return np.asarray(self.rough_sd**2 * rough_MN + lines_MN + cost_line_MN)

    def variance(self, members: Inputs) -> Floats:
        """Variance of each member."""
        lines_M = np.sum(members.vectors_MD**2, axis=1) * (self.line_sd**2 / self.norm)
        return np.asarray(self.rough_sd**2 + lines_M + self.cost_line_sd**2 * members.costs_M**2)

    def _distance(self, left: Inputs, right: Inputs) -> Floats:
        lengths_D, numbers_D = self.lengths_P[self.columns.groups_D], self.columns.numbers_D
        a, b = (self._corners(members, lengths_D) for members in (left, right))
        squares_MN = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
        c, d = (
            members.vectors_MD[:, numbers_D] / lengths_D[numbers_D] for members in (left, right)
        )
        return np.asarray(np.maximum(squares_MN, 0.0) + cdist(c, d, "cityblock"))

    def _corners(self, members: Inputs, lengths_D: Floats) -> Floats:
        names_D = ~self.columns.numbers_D
        scaled_MC = members.vectors_MD[:, names_D] / np.sqrt(lengths_D[names_D])
        return np.column_stack([scaled_MC, members.costs_M / (np.sqrt(2) * self.cost_length)])


def distances(members: Inputs, columns: Columns) -> Floats:
    """Distances by parameter, (parameters + 1) x members x members; the last are half the squared
    differences in cost."""
    distances_PMM = np.zeros((columns.parameters + 1, len(members), len(members)))
    for column, (group, number) in enumerate(zip(columns.groups_D, columns.numbers_D, strict=True)):
        values_M = members.vectors_MD[:, column]
        apart_MM = np.abs(values_M[:, None] - values_M)
        distances_PMM[group] += apart_MM if number else apart_MM**2
    distances_PMM[-1] = (members.costs_M[:, None] - members.costs_M) ** 2 / 2
    return distances_PMM
