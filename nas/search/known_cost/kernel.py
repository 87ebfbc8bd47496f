"""How alike two members are expected to be in their metric."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
class Kernel:
    """A smooth part of parameters and cost together (Matérn 5/2), and a line of each.

    All are for a metric scaled to mean 0 and SD 1.
    """

    groups: NDArray[np.intp]
    """For each column of the vectors the index of its parameter."""
    lengths: Floats
    """Distance over which the smooth part changes, by parameter."""
    cost_length: float
    smooth_sd: float
    line_sd: float
    """SD of what the lines of all parameters together amount to."""
    cost_line_sd: float
    norm: float
    """Mean squared length of a vector."""

    def covariance(self, left: Inputs, right: Inputs) -> Floats:
        """Covariance of each member on the left with each on the right."""
        smooth = matern(np.sqrt(self._squared_distance(left, right)))
        lines = left.vectors @ right.vectors.T * (self.line_sd**2 / self.norm)
        cost_line = np.outer(left.costs, right.costs) * self.cost_line_sd**2
        return np.asarray(self.smooth_sd**2 * smooth + lines + cost_line)

    def variance(self, members: Inputs) -> Floats:
        """Variance of each member."""
        lines = np.sum(members.vectors**2, axis=1) * (self.line_sd**2 / self.norm)
        return np.asarray(self.smooth_sd**2 + lines + self.cost_line_sd**2 * members.costs**2)

    def _squared_distance(self, left: Inputs, right: Inputs) -> Floats:
        a, b = self._scaled(left), self._scaled(right)
        squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
        return np.asarray(np.maximum(squares, 0.0))

    def _scaled(self, members: Inputs) -> Floats:
        scaled = members.vectors / self.lengths[self.groups]
        return np.column_stack([scaled, members.costs / self.cost_length])


def matern(distance: Floats) -> Floats:
    """Matérn 5/2 correlation."""
    root = np.sqrt(5.0) * distance
    return np.asarray((1 + root + root**2 / 3) * np.exp(-root))


def squared_distances(members: Inputs, groups: NDArray[np.intp]) -> Floats:
    """Squared distances by parameter, those of cost last: (parameters + 1) x members x members."""
    count = int(groups.max()) + 1 if len(groups) else 0
    squares = np.zeros((count + 1, len(members), len(members)))
    for column, group in enumerate(groups):
        values = members.vectors[:, column]
        squares[group] += (values[:, None] - values) ** 2
    squares[count] = (members.costs[:, None] - members.costs) ** 2
    return squares
