"""Members of a space: their parameters, what they cost, and which of them are the same."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from nas.search.known_cost.encoding import ColumnLayout, Encoder

Params = Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(eq=False)
class Member:
    """One member of a space."""

    params: dict[str, Any]
    distributions: dict[str, BaseDistribution]
    log_cost: float
    """Infinite for what must not be proposed."""
    key: Hashable
    encoded: "Encoded | None" = None
    """How it was encoded last."""

    @property
    def feasible(self) -> bool:
        return self.log_cost < inf


@dataclass(frozen=True)
class Encoded:
    """A vector, and what it was encoded with."""

    before: ColumnLayout
    after: ColumnLayout
    vector: Floats


def key_of(params: Params) -> Hashable:
    """What makes two sets of parameters one, where the caller knows nothing better."""
    return frozenset((name, repr(value)) for name, value in params.items())


class Catalogue:
    """Makes members of parameters and their cost.

    Where several sets of parameters have one key, all have one vector: of those met so far the
    last in lexicographic order. So blocks in another order, or a choice without effect, are no
    difference to a model.
    """

    def __init__(self, key: Callable[[Params], Hashable] = key_of) -> None:
        self._key = key
        self.encoder = Encoder()
        self._vectors: dict[Hashable, Floats] = {}

    def add(
        self, params: dict[str, Any], distributions: dict[str, BaseDistribution], cost: float
    ) -> Member:
        """The member. Raises ValueError for a cost that is not above 0."""
        if isnan(cost) or cost <= 0:
            raise ValueError(f"a cost must be above 0, not {cost}: {params}")
        member = Member(params, distributions, log(cost) if cost < inf else inf, self._key(params))
        self.take_in(member)
        return member

    def take_in(self, member: Member) -> None:
        """Take in a member of another catalogue with the same keys."""
        vector = self._encode(member)
        known = self._vectors.get(member.key)
        if known is None or tuple(vector) > tuple(known):
            self._vectors[member.key] = vector

    def _encode(self, member: Member) -> Floats:
        """The member's vector; proposals in a row encode the same draws from the same layout on."""
        encoder, known = self.encoder, member.encoded
        if known is None or known.before is not encoder.layout:
            before = encoder.layout
            vector = encoder.encode(member.params, member.distributions)
            known = member.encoded = Encoded(before, encoder.layout, vector)
        encoder.layout = known.after
        return known.vector

    def arrays(self, members: Sequence[Member]) -> tuple[Floats, Floats]:
        """Vectors (members x columns) and log-costs."""
        vectors_MD = self.encoder.matrix([self._vectors[member.key] for member in members])
        return vectors_MD, np.array([member.log_cost for member in members])


class Registry(Catalogue):
    """A catalogue that reckons what each member costs."""

    def __init__(
        self, cost: Callable[[Params], float], key: Callable[[Params], Hashable] = key_of
    ) -> None:
        super().__init__(key)
        self._cost = cost

    def member(self, params: dict[str, Any], distributions: dict[str, BaseDistribution]) -> Member:
        """The member at its cost. Raises ValueError for a cost that is not above 0."""
        return self.add(params, distributions, float(self._cost(params)))

    def copy(self) -> "Registry":
        """Another one with the same members, for candidates that are forgotten with it."""
        other = Registry(self._cost, self._key)
        other.encoder, other._vectors = self.encoder.copy(), dict(self._vectors)
        return other
