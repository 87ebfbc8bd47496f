"""What can come into each layer of a space: followed for every member before the first one is drawn."""

from dataclasses import dataclass

from pydantic import ValidationError

from blocks import Shape
from nas.spec.domain import Choice, Range, Widths
from nas.spec.layers import unstrided
from nas.spec.load import Document
from nas.spec.template import Branch, LayerTemplate

MAX_STATES = 20_000


@dataclass(frozen=True)
class State:
    """What comes into a layer."""

    shape: Shape
    reported: int

    @property
    def widths(self) -> Widths:
        """The widths that ranges refer to."""
        return Widths(self.shape[0], self.reported)


def follow(
    document: Document, templates: tuple[LayerTemplate, ...], inputs: set[Shape]
) -> tuple[tuple[LayerTemplate, ...], set[State]]:
    """The templates with the lengths of their relative ranges, and what the last layer puts out.

    Raises NasError where some member could not be built: an empty range, a block that can't take what
    comes in.
    """
    states = {State(shape, shape[0]) for shape in inputs}
    resolved = []
    for template in templates:
        _check_ranges(document, template, states)
        resolved.append(template.with_positions({state.widths for state in states}))
        states = _after(document, template, states)
        if len(states) > MAX_STATES:
            raise document.error(
                template.key,
                f"more than {MAX_STATES} shapes can come out; use fewer widths or sizes",
            )
    return tuple(resolved), states


def _check_ranges(document: Document, template: LayerTemplate, states: set[State]) -> None:
    for branch in template.branches:
        for setting in branch.settings:
            if isinstance(setting.domain, Choice):
                continue
            for state in states:
                if not setting.domain.values(state.widths):
                    ends = _ends(setting.domain, state.widths)
                    raise document.error(
                        setting.key,
                        f"no value left: {ends} can occur with {state.shape[0]} channels coming in",
                    )


def _ends(domain: Range, widths: Widths) -> str:
    return f"low {widths.resolve(domain.low)} above high {widths.resolve(domain.high)}"


def _after(document: Document, template: LayerTemplate, states: set[State]) -> set[State]:
    found = set(states) if 0 in template.repeats() else set()
    for branch in template.branches:
        for state in states:
            found |= _through(document, template, branch, state)
    return found


def _through(
    document: Document, template: LayerTemplate, branch: Branch, state: State
) -> set[State]:
    """What can come out of one branch."""
    found: set[State] = set()
    try:
        for config, base in branch.configs(state.widths, branch.block.shape_fields):
            shape = config.output_shape(state.shape)
            reported = branch.reported(base, state.widths, shape)
            rest = unstrided(config)
            for copies in range(1, max(template.repeats()) + 1):
                if copies > 1:
                    shape = rest.output_shape(shape)
                if copies in template.repeats():
                    found.add(State(shape, reported))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise document.error(branch.key, f"{branch.block.name}: {problem}") from error
    except ValueError as error:
        came = "x".join(map(str, state.shape))
        raise document.error(branch.key, f"{branch.block.name} on {came}: {error}") from error
    return found
