"""Parameters as vectors in which distance means difference."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.search.known_cost.kernel import Columns
from nas.search.known_cost.replay import NO_VALUE, position, settled

Vectors = NDArray[np.float64]
FEW = 8
"""Whole numbers with at most this many values are partly names: 0 copies of a block and 1 may
differ more than 1 and 2."""
MISMATCH = 0.6
"""Part of the squared distance of two of these that does not tell how far apart they are."""


class Encoder:
    """Encodes parameters by the names that it has been shown; new names only add columns.

    Numbers lie from -1/2 to 1/2 over their range; those with few values are a mixture of number and
    name. Choices without an order are corners of a regular
    simplex with edges of 1. A parameter that a member hasn't, for its branch wasn't taken, lies in
    the middle of its values: the choice of the branch tells the two apart, not its parameters.
    """

    def __init__(self) -> None:
        self._distributions: dict[str, BaseDistribution] = {}
        self._first: dict[str, int] = {}
        self._groups: list[int] = []
        self._numbers: list[bool] = []

    def copy(self) -> "Encoder":
        """Another one with the same columns; what either learns later the other doesn't know."""
        other = Encoder()
        other._distributions, other._first = dict(self._distributions), dict(self._first)
        other._groups, other._numbers = list(self._groups), list(self._numbers)
        return other

    @property
    def columns(self) -> Columns:
        """What each column of the vectors is."""
        return Columns(np.array(self._groups, dtype=np.intp), np.array(self._numbers, dtype=bool))

    def encode(
        self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
    ) -> Vectors:
        """The vector of one member, over the columns known after it."""
        for name, distribution in distributions.items():
            if name not in self._distributions and not distribution.single():
                self._learn(name, distribution)
        vector = np.zeros(len(self._groups))
        for name, value in params.items():
            first = self._first.get(name)
            if first is not None:
                self._write(vector, first, self._distributions[name], value)
        return vector

    def matrix(self, vectors: Sequence[Vectors]) -> Vectors:
        """Members x columns, of vectors that may be older than some of the columns."""
        rows_MD = np.zeros((len(vectors), len(self._groups)))
        for row, vector in zip(rows_MD, vectors, strict=True):
            row[: len(vector)] = vector
        return rows_MD

    def _learn(self, name: str, distribution: BaseDistribution) -> None:
        self._first[name] = len(self._groups)
        width = _width(distribution)
        self._groups += [len(self._distributions)] * width
        number = not isinstance(distribution, CategoricalDistribution)
        self._numbers += [number, *[False] * (width - 1)]
        self._distributions[name] = distribution

    def _write(
        self, vector: Vectors, first: int, distribution: BaseDistribution, value: Any
    ) -> None:
        """Fill in a parameter's columns; a value that its distribution hasn't leaves them at 0."""
        value = settled(distribution, value)
        if value is NO_VALUE:
            return
        count = _count(distribution)
        if isinstance(distribution, CategoricalDistribution):
            corner = int(distribution.to_internal_repr(value))
            _write_corner(vector[first : first + count], corner, 1.0)
            return
        place = position(distribution, value)
        if count:
            rank = _rank(distribution, value)
            _write_corner(vector[first + 1 : first + 1 + count], rank, MISMATCH)
        vector[first] = (place - 0.5) * sqrt(1 - MISMATCH if count else 1)


def _write_corner(columns: Vectors, corner: int, squared_edge: float) -> None:
    """Fill in a corner of a regular simplex around the origin."""
    columns[:] = -sqrt(squared_edge / 2) / len(columns)
    columns[corner] += sqrt(squared_edge / 2)


def _count(distribution: BaseDistribution) -> int:
    """Values that are told apart by name: all of a choice, those of a number if they are few."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    if not isinstance(distribution, IntDistribution) or distribution.log:
        return 0
    count = (distribution.high - distribution.low) // distribution.step + 1
    return count if count <= FEW else 0


def _rank(distribution: BaseDistribution, value: int) -> int:
    assert isinstance(distribution, IntDistribution)
    return (value - distribution.low) // distribution.step


def _width(distribution: BaseDistribution) -> int:
    """Columns of a parameter."""
    count = _count(distribution)
    return count if isinstance(distribution, CategoricalDistribution) else 1 + count
