"""Candidates that were drawn and not tried yet: what is known of them is asked for once."""

from collections.abc import Hashable, Iterable

import numpy as np

from nas.search.known_cost.members import Floats, Member


class Pool:
    """Feasible members that no trial has, by key."""

    def __init__(self) -> None:
        self._members: dict[Hashable, Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    def add(self, members: Iterable[Member], taken: set[Hashable]) -> list[Member]:
        """Take in those that are feasible, not taken and new; returns these."""
        fresh = []
        for member in members:
            if member.feasible and member.key not in taken and member.key not in self._members:
                self._members[member.key] = member
                fresh.append(member)
        return fresh

    def drop(self, keys: Iterable[Hashable]) -> None:
        """Forget members."""
        for key in keys:
            self._members.pop(key, None)

    def keep_best(self, gains: Floats, count: int) -> list[Member]:
        """Forget all but those with the highest gains; returns these, the best first."""
        members = self.members
        best = [members[row] for row in np.argsort(-gains, kind="stable")[:count]]
        self._members = {member.key: member for member in best}
        return best
