"""The members of a space as a set of networks: is one in it, and how many are there."""

from collections import Counter
from math import prod

from blocks import Identity
from nas.spec.automaton import (
    Automaton,
    Letters,
    Node,
    Nodes,
    TooManyMembers,
    detector_letter,
)
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import unstrided
from nas.spec.space import SpaceSpec
from nas.spec.template import Branch, LayerTemplate, State


def count_draws(space: SpaceSpec) -> int:
    """Number of ways to draw a member, exactly: at least the number of networks."""
    ways = dict.fromkeys(space.outputs, 1)
    layers = list(zip(space.layers, space.states, strict=True))
    for index, (template, states) in reversed(list(enumerate(layers))):
        ends = index in space.depths
        ways = {state: _draws(template, state, ways) + ends for state in states}
    necks = 1 if space.neck is None else sum(1 for _ in space.neck.options())
    return sum(ways.values()) * necks


def _draws(template: LayerTemplate, state: State, ways: dict[State, int]) -> int:
    """Ways from before a layer to the end; `ways` are those from behind it."""
    total = ways[state] if 0 in template.repeats else 0
    return total + sum(_branch_draws(branch, template, state, ways) for branch in template.branches)


def _branch_draws(
    branch: Branch, template: LayerTemplate, state: State, ways: dict[State, int]
) -> int:
    total = 0
    for config, base in branch.configs(state.widths, branch.block.shape_fields):
        shape = config.output_shape(state.shape)
        reported = branch.reported(base, state.widths, shape)
        rest = unstrided(config)
        for copies in range(1, max(template.repeats) + 1):
            shape = shape if copies == 1 else rest.output_shape(shape)
            if copies in template.repeats:
                total += ways[State(shape, reported)]
    others = [
        len(setting.domain.values(state.widths))
        for setting in branch.settings
        if setting.field not in branch.block.shape_fields
    ]
    return total * prod(others)


__all__ = ["Members", "TooManyMembers", "count_members"]

MAX_WORK = 1_000_000
"""Blocks followed before an exact count is given up: half a minute."""


class Members:
    """The networks of a space; what one question followed is remembered for the next."""

    def __init__(self, space: SpaceSpec) -> None:
        self.space = space
        self._inputs = frozenset(space.input.shapes())
        self._automaton = Automaton(space, MAX_WORK)

    def contains(self, architecture: ArchitectureSpec) -> bool:
        """True if some draw from the space gives the same network as `architecture`.

        Raises TooManyMembers for a layer of more choices than can be followed.
        """
        if architecture.input.shape not in self._inputs or architecture.model is not None:
            return False
        if architecture.task != self.space.task:
            return False
        automaton = self._automaton
        automaton.work_left = MAX_WORK
        nodes = automaton.start(architecture.input.shape)
        for letter in _letters(architecture):
            nodes = automaton.closed(
                following
                for node in nodes
                for following in automaton.letters(node).get(letter, frozenset())
            )
        return any(automaton.ends(node) for node in nodes)


def _letters(architecture: ArchitectureSpec) -> tuple[Identity, ...]:
    letters = tuple(step.identity for step in architecture.steps())
    if architecture.detects:
        return (*letters, detector_letter(architecture.neck, len(architecture.classes)))
    return (*letters, *(step.identity for step in architecture.head_steps()))


def count_members(space: SpaceSpec, max_work: int = MAX_WORK) -> int:
    """Number of distinct networks of the space, exactly.

    Raises TooManyMembers after following `max_work` blocks, and for networks too deep to follow.
    """
    counter = _Counter(Automaton(space, max_work))
    try:
        return sum(counter.words(counter.automaton.start(s)) for s in space.input.shapes())
    except RecursionError:
        raise TooManyMembers from None


class _Counter:
    """Counts the words of an automaton by sets of its nodes, each set once."""

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self._counts: dict[Nodes, int] = {}

    def words(self, nodes: Nodes) -> int:
        """Distinct words from any of the nodes."""
        if nodes not in self._counts:
            single = len(nodes) == 1
            self._counts[nodes] = self._from_one(*nodes) if single else self._from_some(nodes)
        return self._counts[nodes]

    def _from_one(self, node: Node) -> int:
        letters = self.automaton.letters(node)
        return self.automaton.ends(node) + sum(self.words(nodes) for nodes in letters.values())

    def _from_some(self, nodes: Nodes) -> int:
        """The nodes' own counts, less what several of them share: that is counted together."""
        found = sum(self.words(frozenset([node])) for node in nodes)
        found -= max(sum(self.automaton.ends(node) for node in nodes) - 1, 0)
        alphabets = [self.automaton.letters(node) for node in nodes]
        for letter in self._shared(alphabets):
            targets = [alphabet[letter] for alphabet in alphabets if letter in alphabet]
            found -= sum(self.words(target) for target in targets)
            found += self.words(frozenset[Node]().union(*targets))
        return found

    def _shared(self, alphabets: list[Letters]) -> list[Identity]:
        """Letters that several alphabets have; the largest of them is only looked up in."""
        *smaller, largest = sorted(alphabets, key=len)
        holders = Counter(letter for alphabet in smaller for letter in alphabet)
        self.automaton.spend(holders.total())
        return [letter for letter, held in holders.items() if held > 1 or letter in largest]
