"""How alike two members are expected to be in their metric."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """Members as the kernel sees them."""

    vectors: Floats
    """Encoded parameters: members x columns."""
    costs: Floats
    """Log-costs on a scale on which about all of them lie between -1 and 1."""

    def __len__(self) -> int:
        return len(self.costs)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> "Inputs":
        return Inputs(self.vectors[rows], self.costs[rows])


@dataclass(frozen=True)
class Columns:
    """What the columns of the vectors are."""

    groups: NDArray[np.intp]
    """For each column the index of its parameter."""
    numbers: NDArray[np.bool_]
    """Whether it is a number; else it is a coordinate of a choice's corner."""

    @property
    def parameters(self) -> int:
        return int(self.groups.max()) + 1 if len(self.groups) else 0


@dataclass(frozen=True)
class Kernel:
    """A rough part of parameters and cost together, and a line of each.

    The rough part is a product over parameters: exp(-distance / length) for each number
    (Ornstein-Uhlenbeck), exp(-1 / length) for another choice (the weighted Hamming distance of
    Hutter et al. 2014, arXiv:1211.0906), both for a number with few values; and Gaussian in
    log-cost. All are for a metric scaled to mean 0 and SD 1.
    """

    columns: Columns
    lengths: Floats
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
        rough = np.exp(-self._distance(left, right))
        lines = left.vectors @ right.vectors.T * (self.line_sd**2 / self.norm)
        cost_line = np.outer(left.costs, right.costs) * self.cost_line_sd**2
        return np.asarray(self.rough_sd**2 * rough + lines + cost_line)

    def variance(self, members: Inputs) -> Floats:
        """Variance of each member."""
        lines = np.sum(members.vectors**2, axis=1) * (self.line_sd**2 / self.norm)
        return np.asarray(self.rough_sd**2 + lines + self.cost_line_sd**2 * members.costs**2)

    def _distance(self, left: Inputs, right: Inputs) -> Floats:
        lengths, numbers = self.lengths[self.columns.groups], self.columns.numbers
        a, b = (self._corners(members, lengths) for members in (left, right))
        squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
        c, d = (members.vectors[:, numbers] / lengths[numbers] for members in (left, right))
        return np.asarray(np.maximum(squares, 0.0) + cdist(c, d, "cityblock"))

    def _corners(self, members: Inputs, lengths: Floats) -> Floats:
        names = ~self.columns.numbers
        scaled = members.vectors[:, names] / np.sqrt(lengths[names])
        return np.column_stack([scaled, members.costs / (np.sqrt(2) * self.cost_length)])


def distances(members: Inputs, columns: Columns) -> Floats:
    """Distances by parameter, (parameters + 1) x members x members; the last are half the squared
    differences in cost."""
    found = np.zeros((columns.parameters + 1, len(members), len(members)))
    for column, (group, number) in enumerate(zip(columns.groups, columns.numbers, strict=True)):
        values = members.vectors[:, column]
        apart = np.abs(values[:, None] - values)
        found[group] += apart if number else apart**2
    found[-1] = (members.costs[:, None] - members.costs) ** 2 / 2
    return found
