"""A search space read as an automaton whose words are its networks, one letter a block.

A letter is the block's `identity`, so that two ways to draw one network are one word. The automaton
is not deterministic: neighbouring layers can share a run of equal blocks in several ways.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from blocks import BlockConfig, Identity, Shape
from nas.spec.definition import DETECTION_HEAD, head_layers
from nas.spec.layers import LayerSpec, unstrided, walk
from nas.spec.space import SpaceSpec
from nas.spec.template import State


@dataclass(frozen=True)
class Node:
    """A point before layer `layer`, or after `copies` copies of it; after the last, in the head."""

    layer: int
    state: State
    copies: int = 0
    rest: Identity = ()
    """What the next copy would be."""
    config: BlockConfig | None = field(default=None, compare=False)


Nodes = frozenset[Node]
Letters = dict[Identity, Nodes]


class TooManyMembers(Exception):
    """The space has too many members to enumerate."""


def detector_letter(neck: LayerSpec | None, classes: int) -> Identity:
    """A neck, its copies and the detection head behind it."""
    layers = head_layers(DETECTION_HEAD, (), classes, neck)
    return tuple(config.identity(()) for layer in layers for config in layer.copies())


class Automaton:
    """The nodes of one space, made as they are asked for."""

    def __init__(self, space: SpaceSpec, max_work: int) -> None:
        self.space = space
        self.layers = space.layers
        self.work_left = max_work
        self._letters: dict[Node, Letters] = {}

    def start(self, shape: Shape) -> Nodes:
        """Where the words of inputs of that shape begin."""
        return self.closed([Node(0, State(shape, shape[0]))])

    def ends(self, node: Node) -> bool:
        """True if a word may end here."""
        return self._in_head(node) and node.copies == len(self._words(node.state.shape)[0])

    def _in_head(self, node: Node) -> bool:
        return node.layer == len(self.layers)

    def _words(self, features: Shape) -> tuple[tuple[Identity, ...], ...]:
        """The heads that may stand behind the layers, all of as many letters.

        A neck and what follows it are one letter: they depend on maps that a node does not know.
        """
        if self.space.neck is not None:
            return self._detectors
        layers = head_layers(self.space.head, features, len(self.space.classes))
        return (tuple(step.identity for step in walk(layers, features)),)

    @cached_property
    def _detectors(self) -> tuple[tuple[Identity, ...], ...]:
        assert self.space.neck is not None
        classes = len(self.space.classes)
        return tuple((detector_letter(neck, classes),) for neck in self.space.neck.options())

    def closed(self, nodes: Iterable[Node]) -> Nodes:
        """The nodes, and those that are reached from them without a letter."""
        found: set[Node] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node in found:
                continue
            found.add(node)
            if not self._in_head(node) and node.copies in self.layers[node.layer].repeats:
                waiting.append(Node(node.layer + 1, node.state))
                if node.layer + 1 in self.space.depths:
                    waiting.append(Node(len(self.layers), node.state))
        return frozenset(found)

    def letters(self, node: Node) -> Letters:
        """Each block that may come next, and where it leads.

        Raises TooManyMembers once more than `max_work` blocks have been followed.
        """
        known = self._letters.get(node)
        if known is None:
            following = self._following(node)
            known = {letter: self.closed(nodes) for letter, nodes in following.items()}
            self._letters[node] = known
            self.spend(len(known) + 1)
        return known

    def spend(self, work: int) -> None:
        """Count `work`. Raises TooManyMembers where none is left."""
        self.work_left -= work
        if self.work_left < 0:
            raise TooManyMembers

    def _following(self, node: Node) -> dict[Identity, set[Node]]:
        if self.ends(node):
            return {}
        if self._in_head(node):
            following = Node(node.layer, node.state, node.copies + 1)
            return {word[node.copies]: {following} for word in self._words(node.state.shape)}
        if node.copies == 0:
            return self._first_copies(node)
        if node.config is None or node.copies >= max(self.layers[node.layer].repeats):
            return {}
        shape = node.config.output_shape(node.state.shape)
        state, rest = State(shape, node.state.reported), node.config.identity(shape)
        return {node.rest: {Node(node.layer, state, node.copies + 1, rest, node.config)}}

    def _first_copies(self, node: Node) -> dict[Identity, set[Node]]:
        found: dict[Identity, set[Node]] = {}
        template, widths = self.layers[node.layer], node.state.widths
        for branch in template.branches if max(template.repeats) else ():
            for config, base in branch.configs(widths):
                self.spend(1)
                shape = config.output_shape(node.state.shape)
                state = State(shape, branch.reported(base, widths, shape))
                rest = unstrided(config)
                following = Node(node.layer, state, 1, rest.identity(shape), rest)
                found.setdefault(config.identity(node.state.shape), set()).add(following)
        return found
