"""The members of a space as a set of networks: is one in it, and how many are there.

A space is read as a nondeterministic automaton whose words are the networks, one letter a block: the block's
`identity`, so that two ways to draw one network are one word. Counting distinct words follows sets of states
(subset construction), since neighbouring layers can share a run of equal blocks between them in several ways.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from blocks import BlockConfig, Identity
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import unstrided
from nas.spec.reach import State
from nas.spec.space import SpaceSpec

MAX_WORK = 3_000_000
"""Letters followed before an exact count is given up: about a minute."""


@dataclass(frozen=True)
class Node:
    """Before layer `layer`, or within it after `copies` copies of one block."""

    layer: int
    state: State
    copies: int = 0
    rest: Identity = ()
    """What the next copy would be."""
    config: BlockConfig | None = field(default=None, compare=False)


Nodes = frozenset[Node]
Letters = dict[Identity, Nodes]


class TooManyMembers(Exception):
    """An exact count would take too long."""


class Members:
    """The automaton of one space."""

    def __init__(self, space: SpaceSpec, max_work: int = MAX_WORK) -> None:
        self.space = space
        self.repeats = [template.repeats() for template in space.layers]
        self.work_left = max_work
        self._letters: dict[Node, Letters] = {}
        self._counts: dict[Nodes, int] = {}

    def contains(self, architecture: ArchitectureSpec) -> bool:
        """True if some draw from the space gives the same network."""
        shape = architecture.input.shape
        if shape not in self.space.input.shapes() or architecture.task != self.space.task:
            return False
        if len(architecture.classes) != len(self.space.classes):
            return False
        nodes = self._closed([Node(0, State(shape, shape[0]))])
        steps = architecture.steps()
        if architecture.head != self.space.head:
            return False
        for step in steps:
            nodes = self._closed(
                following
                for node in nodes
                for following in self._letters_of(node).get(step.identity, frozenset())
            )
        return any(self._ends(node) for node in nodes)

    def count(self) -> int:
        """Number of distinct networks. Raises TooManyMembers where that would take too long."""
        starts = (Node(0, State(shape, shape[0])) for shape in self.space.input.shapes())
        return sum(self._count(self._closed([start])) for start in starts)

    def _count(self, nodes: Nodes) -> int:
        """Distinct words from any of the nodes."""
        known = self._counts.get(nodes)
        if known is not None:
            return known
        if len(nodes) == 1:
            (node,) = nodes
            letters = self._letters_of(node)
            found = sum(self._count(following) for following in letters.values())
            found += self._ends(node)
        else:
            found = self._count_together(nodes)
        self._counts[nodes] = found
        return found

    def _count_together(self, nodes: Nodes) -> int:
        """As `_count` for several nodes: their own counts, less what is counted twice."""
        found = sum(self._count(frozenset([node])) for node in nodes)
        endings = sum(self._ends(node) for node in nodes)
        found -= max(endings - 1, 0)
        alphabets = sorted((self._letters_of(node) for node in nodes), key=len)
        shared: set[Identity] = set()
        for index, alphabet in enumerate(alphabets[:-1]):
            for letter in alphabet:
                if letter not in shared and any(letter in other for other in alphabets[index + 1 :]):
                    shared.add(letter)
        for letter in shared:
            targets = [alphabet[letter] for alphabet in alphabets if letter in alphabet]
            found -= sum(self._count(target) for target in targets)
            found += self._count(frozenset().union(*targets))
        return found

    def _ends(self, node: Node) -> bool:
        return node.layer == len(self.space.layers)

    def _closed(self, nodes: Iterable[Node]) -> Nodes:
        """The nodes, and those that are reached from them without a letter."""
        found: set[Node] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node in found:
                continue
            found.add(node)
            if not self._ends(node) and node.copies in self.repeats[node.layer]:
                waiting.append(Node(node.layer + 1, node.state))
        return frozenset(found)

    def _letters_of(self, node: Node) -> Letters:
        """Each block that may come next, and where it leads."""
        known = self._letters.get(node)
        if known is not None:
            return known
        found: dict[Identity, set[Node]] = {}
        if self._ends(node):
            pass
        elif node.copies == 0:
            self._first_copies(node, found)
        elif node.config is not None and node.copies < max(self.repeats[node.layer]):
            shape = node.config.output_shape(node.state.shape)
            state = State(shape, node.state.reported)
            following = Node(
                node.layer, state, node.copies + 1, node.config.identity(shape), node.config
            )
            found[node.rest] = {following}
        letters = {letter: self._closed(following) for letter, following in found.items()}
        self.work_left -= len(letters) + 1
        if self.work_left < 0:
            raise TooManyMembers(self.space.name)
        self._letters[node] = letters
        return letters

    def _first_copies(self, node: Node, found: dict[Identity, set[Node]]) -> None:
        template = self.space.layers[node.layer]
        widths = node.state.widths
        if max(self.repeats[node.layer]) == 0:
            return
        for branch in template.branches:
            for config, base in branch.configs(widths):
                shape = config.output_shape(node.state.shape)
                state = State(shape, branch.reported(base, widths, shape))
                rest = unstrided(config)
                following = Node(node.layer, state, 1, rest.identity(shape), rest)
                found.setdefault(config.identity(node.state.shape), set()).add(following)


def contains(space: SpaceSpec, architecture: ArchitectureSpec) -> bool:
    """True if some draw from the space gives the same network as `architecture`."""
    return Members(space).contains(architecture)


def count_members(space: SpaceSpec, max_work: int = MAX_WORK) -> int:
    """Number of distinct networks of the space, exactly.

    Raises TooManyMembers after following `max_work` blocks.
    """
    return Members(space, max_work).count()


def count_draws(space: SpaceSpec) -> int:
    """Number of ways to draw a member: an upper bound of the number of networks, and exact for it."""
    ways: dict[tuple[int, State], int] = {}

    def from_layer(index: int, state: State) -> int:
        if index == len(space.layers):
            return 1
        if (index, state) not in ways:
            ways[index, state] = _draws(index, state)
        return ways[index, state]

    def _draws(index: int, state: State) -> int:
        template = space.layers[index]
        repeats = template.repeats()
        total = from_layer(index + 1, state) if 0 in repeats else 0
        for branch in template.branches:
            others = 1
            for setting in branch.settings:
                if setting.field not in branch.block.shape_fields:
                    others *= len(setting.domain.values(state.widths))
            for config, base in branch.configs(state.widths, branch.block.shape_fields):
                shape = config.output_shape(state.shape)
                reported = branch.reported(base, state.widths, shape)
                rest = unstrided(config)
                for copies in range(1, max(repeats) + 1):
                    shape = shape if copies == 1 else rest.output_shape(shape)
                    if copies in repeats:
                        total += others * from_layer(index + 1, State(shape, reported))
        return total

    shapes = space.input.shapes()
    return sum(from_layer(0, State(shape, shape[0])) for shape in shapes)
