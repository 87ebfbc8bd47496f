"""What can come into each layer of a space: followed for every member before one is drawn."""

from dataclasses import dataclass

from pydantic import ValidationError

from blocks import Shape
from nas.errors import NasError
from nas.spec.domain import Range, Widths
from nas.spec.layers import unstrided
from nas.spec.load import Document
from nas.spec.parse import MAX_CHOICES
from nas.spec.template import Branch, LayerTemplate, Setting, State

MAX_STATES = 20_000
MAX_WORK = 200_000
"""Blocks that are tried before a space is refused as too wide: some seconds."""


@dataclass(frozen=True)
class Reach:
    """All that can come into the layers of a space."""

    layers: tuple[LayerTemplate, ...]
    """The layers, their relative ranges told how long they can get."""
    states: tuple[frozenset[State], ...]
    """Possible inputs of each layer."""
    outputs: frozenset[State]
    """What a member's last layer can put out."""


def follow(
    document: Document,
    templates: tuple[LayerTemplate, ...],
    inputs: tuple[Shape, ...],
    depths: tuple[int, ...],
) -> Reach:
    """What can come into each of the layers; members end behind so many of them.

    Raises NasError where some member could not be built: an empty range, a block that can't take
    what comes in; and for a space of too many shapes.
    """
    walk = _Walk(document)
    states = {State(shape, shape[0]) for shape in inputs}
    resolved, before = [], []
    outputs: set[State] = set()
    for depth, template in enumerate(templates, start=1):
        widths = {state.widths for state in states}
        _check_ranges(document, template, widths)
        resolved.append(template.with_positions(widths))
        before.append(frozenset(states))
        states = walk.after(template, states)
        if depth in depths:
            outputs |= states
    return Reach(tuple(resolved), tuple(before), frozenset(outputs))


def _check_ranges(document: Document, template: LayerTemplate, widths: set[Widths]) -> None:
    """Raises NasError for a relative range that is empty, or too long, for some widths."""
    for branch in template.branches:
        for setting in branch.settings:
            domain = setting.domain
            if isinstance(domain, Range) and domain.relative:
                for item in widths:
                    _check_range(document, setting, domain, item)


def _check_range(document: Document, setting: Setting, domain: Range, widths: Widths) -> None:
    low, high = widths.resolve(domain.low), widths.resolve(domain.high)
    assert isinstance(low, int)
    assert isinstance(high, int)
    if low > high:
        problem = f"no value left: low {low} above high {high} can occur"
        raise document.error(setting.key, f"{problem} with {widths.prev} channels coming in")
    if (high - low) / domain.step >= MAX_CHOICES:
        raise document.error(setting.key, f"more than {MAX_CHOICES} steps from {low} to {high}")


class _Walk:
    """Follows states through layers, and counts the blocks that it tries."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.work_left = MAX_WORK

    def after(self, template: LayerTemplate, states: set[State]) -> set[State]:
        """What can come out of a layer."""
        found = set(states) if 0 in template.repeats else set()
        for branch in template.branches:
            for state in states:
                try:
                    found |= self.through(template, branch, state)
                except ValueError as error:
                    raise self._refused(branch, state, error) from error
            if len(found) > MAX_STATES:
                problem = f"more than {MAX_STATES} shapes can come out; use fewer widths or sizes"
                raise self.document.error(template.key, problem)
        return found

    def through(self, template: LayerTemplate, branch: Branch, state: State) -> set[State]:
        """What can come out of one branch. Raises ValueError as the block does."""
        found: set[State] = set()
        most = max(template.repeats)
        for config, base in branch.configs(state.widths, branch.block.shape_fields):
            self._count(template, most)
            shape = config.output_shape(state.shape)
            reported = branch.reported(base, state.widths, shape)
            rest = unstrided(config)
            for copies in range(1, most + 1):
                if copies > 1:
                    shape = rest.output_shape(shape)
                if copies in template.repeats:
                    found.add(State(shape, reported))
        return found

    def _count(self, template: LayerTemplate, blocks: int) -> None:
        self.work_left -= blocks
        if self.work_left < 0:
            problem = f"more than {MAX_WORK} blocks can stand up to here, too many to check"
            raise self.document.error(template.key, f"{problem}: use fewer choices")

    def _refused(self, branch: Branch, state: State, error: ValueError) -> NasError:
        if isinstance(error, ValidationError):
            problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            return self.document.error(branch.key, f"{branch.block.name}: {problem}")
        came = "x".join(map(str, state.shape))
        return self.document.error(branch.key, f"{branch.block.name} on {came}: {error}")
