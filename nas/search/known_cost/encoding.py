"""Parameters as vectors in which distance means difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
MOST_PARTS = 4096
"""Values of a parameter that are remembered."""


@dataclass(frozen=True, eq=False)
class ColumnLayout:
    """The columns of the parameters that were met, in that order.

    Who meets the same ones in the same order, beginning at one layout, comes to the same object.
    """

    places: "dict[str, _Place]" = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns.none)
    _following: "dict[str, ColumnLayout]" = field(default_factory=dict)

    def after(self, distributions: Mapping[str, BaseDistribution]) -> "ColumnLayout":
        """The layout with these parameters too; none for one with a single value."""
        layout = self
        for name, distribution in distributions.items():
            if name not in layout.places and not distribution.single():
                layout = layout._with(name, distribution)
        return layout

    def _with(self, name: str, distribution: BaseDistribution) -> "ColumnLayout":
        known = self._following.get(name)
        if known is not None and known.places[name].distribution == distribution:
            return known
        width, first = _width(distribution), len(self.columns.groups_D)
        number = not isinstance(distribution, CategoricalDistribution)
        columns = Columns(
            np.append(self.columns.groups_D, [len(self.places)] * width),
            np.append(self.columns.numbers_D, [number, *[False] * (width - 1)]),
        )
        place = _Place(distribution, slice(first, first + width))
        layout = ColumnLayout({**self.places, name: place}, columns)
        self._following[name] = layout
        return layout

    def vector(self, params: Mapping[str, Any]) -> Vectors:
        """The columns of one member."""
        vector = np.zeros(len(self.columns.groups_D))
        places = self.places
        for name, value in params.items():
            if name in places:
                place = places[name]
                vector[place.columns] = place.part(value)
        return vector


class Encoder:
    """Encodes parameters by the names that it has been shown; new names only add columns.

    Numbers lie from -1/2 to 1/2 over their range; those with few values are a mixture of number and
    name. Choices without an order are corners of a regular
    simplex with edges of 1. A parameter that a member hasn't, for its branch wasn't taken, lies in
    the middle of its values: the choice of the branch tells the two apart, not its parameters.
    """

    def __init__(self, layout: ColumnLayout | None = None) -> None:
        self.layout = ColumnLayout() if layout is None else layout

    def copy(self) -> "Encoder":
        """Another one with the same columns; what either learns later the other doesn't know."""
        return Encoder(self.layout)

    @property
    def columns(self) -> Columns:
        """What each column of the vectors is."""
        return self.layout.columns

    def encode(
        self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
    ) -> Vectors:
        """The vector of one member, over the columns known after it."""
        self.layout = self.layout.after(distributions)
        return self.layout.vector(params)

    def matrix(self, vectors: Sequence[Vectors]) -> Vectors:
        """Members x columns, of vectors that may be older than some of the columns."""
        rows_MD = np.zeros((len(vectors), len(self.columns.groups_D)))
        for row, vector in zip(rows_MD, vectors, strict=True):
            row[: len(vector)] = vector
        return rows_MD


@dataclass(frozen=True)
class _Place:
    """Where a parameter lies in a vector, and what its values are there."""

    distribution: BaseDistribution
    columns: slice
    parts: dict[Any, Vectors] = field(default_factory=dict)
    """Of the values met so far."""

    def part(self, value: Any) -> Vectors:
        """A value's columns; all 0 for one that the distribution hasn't."""
        try:
            return self.parts[value]
        except TypeError:  # a list, which can't be a key
            return self._made(value)
        except KeyError:
            if len(self.parts) >= MOST_PARTS:
                self.parts.clear()
            made = self.parts[value] = self._made(value)
            return made

    def _made(self, value: Any) -> Vectors:
        distribution = self.distribution
        part = np.zeros(_width(distribution))
        value = settled(distribution, value)
        if value is NO_VALUE:
            return part
        if isinstance(distribution, CategoricalDistribution):
            _write_corner(part, int(distribution.to_internal_repr(value)), 1.0)
            return part
        count = _count(distribution)
        if count:
            _write_corner(part[1:], _rank(distribution, value), MISMATCH)
        part[0] = (position(distribution, value) - 0.5) * sqrt(1 - MISMATCH if count else 1)
        return part


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
