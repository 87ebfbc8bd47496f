"""How many ways there are to draw a member of a space."""

from math import prod

from nas.spec.layers import unstrided
from nas.spec.space import SpaceSpec
from nas.spec.state import State
from nas.spec.template import Branch, LayerTemplate


def count_draws(space: SpaceSpec) -> int:
    """Number of ways to draw a member, exactly: at least the number of networks."""
    ways = dict.fromkeys(space.outputs, 1)
    for template, states in reversed(list(zip(space.layers, space.states, strict=True))):
        ways = {state: _draws(template, state, ways) for state in states}
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
