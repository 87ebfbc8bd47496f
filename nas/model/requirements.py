"""Requirements of a task on the features before its head, for a network or a whole space."""

from collections.abc import Iterator

from blocks import STRIDES, Shape
from nas.errors import NasError
from nas.model.features import shapes_only
from nas.model.maps import load_maps, maps_shape
from nas.model.time_stride import time_steps
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import unstrided
from nas.spec.load import Document
from nas.spec.pyramid import Size, map_sizes, missing_map
from nas.spec.space import SpaceSpec
from nas.spec.template import LayerTemplate, State

MIN_TIME_STEPS = 16


def check_time_steps(candidate: SpaceSpec | ArchitectureSpec) -> int:
    """The fewest time steps that the network, or any member of the space, leaves for its head.

    Raises NasError, with the line of the layer where a space's time runs short, for fewer than 16.
    """
    if isinstance(candidate, ArchitectureSpec):
        steps = time_steps(candidate)
        if steps < MIN_TIME_STEPS:
            raise NasError(_refusal(f"the features have {_words(steps)}"), key="layers")
        return steps
    behind = (*candidate.states[1:], candidate.outputs)
    for template, states in zip(candidate.layers, behind, strict=True):
        _check_layer(candidate.document, template, states)
    return min(state.shape[2] for state in candidate.outputs)


def _check_layer(document: Document, template: LayerTemplate, states: frozenset[State]) -> None:
    """Raises NasError where too few time steps can come out of the layer."""
    fewest = min((state.shape for state in states), key=_steps)
    steps = _steps(fewest)
    if steps < MIN_TIME_STEPS:
        came = "x".join(map(str, fewest))
        problem = f"of a member {came} comes out of {template.name}, {_words(steps)}"
        raise document.error(template.key, _refusal(problem))


def _steps(features: Shape) -> int:
    """Time steps of a feature map; a vector has none."""
    return features[2] if len(features) == 3 else 0


def _words(steps: int) -> str:
    return "1 time step" if steps == 1 else f"{steps} time steps"


def _refusal(problem: str) -> str:
    needed = f"at least {MIN_TIME_STEPS} must remain for the head"
    return f"{problem}, and {needed}: a stride of 2x1 keeps the time"


Walk = tuple[Size, frozenset[Size]]
"""Size of a layer's output map, and which of the wanted sizes were met on the way."""


def check_maps(architecture: ArchitectureSpec) -> None:
    """Raises NasError for a network without maps at the strides 8, 16 and 32."""
    if architecture.model is None:
        architecture.head_input()
        return
    features = shapes_only(load_maps(architecture.model, architecture.input.channels))
    maps_shape(features, architecture.input.shape)


def check_space_maps(space: SpaceSpec) -> None:
    """Raises NasError, with the line, if some member lacks such a map."""
    for shape in space.input.shapes():
        try:
            sizes = map_sizes(shape)
        except NasError as error:
            raise space.document.error(("input",), error.problem) from error
        walks: set[Walk] = {(_size(shape), frozenset())}
        ended: set[Walk] = set()
        for depth, (template, states) in enumerate(
            zip(space.layers, space.states, strict=True), start=1
        ):
            walks = {
                (size, met | ({size} & set(sizes)))
                for walk in walks
                for size, met in _after(template, walk, states)
            }
            if depth in space.depths:
                ended |= walks
        for walk in sorted(ended, key=str):
            _check_walk(space, walk, sizes)


def _check_walk(space: SpaceSpec, walk: Walk, sizes: tuple[Size, ...]) -> None:
    last, met = walk
    for stride, size in zip(STRIDES, sizes, strict=True):
        if size not in met:
            problem = f"{missing_map(stride, size)} comes out of any layer of some member"
            raise space.document.error(("layers",), problem)
    if last != sizes[-1]:
        problem = f"a member ends in {last[0]}x{last[1]}, not at stride {STRIDES[-1]}"
        wanted = "x".join(map(str, sizes[-1]))
        raise space.document.error(space.layers[-1].key, f"{problem} in {wanted}")


def _after(template: LayerTemplate, walk: Walk, states: frozenset[State]) -> Iterator[Walk]:
    """Every size in which the layer can end."""
    size, met = walk
    if 0 in template.repeats:
        yield size, met
    # Channels don't decide sizes: any state of this size stands for all.
    state = next(item for item in states if _size(item.shape) == size)
    for branch in template.branches:
        for config, _ in branch.configs(state.widths, branch.block.shape_fields):
            shape, following = config.output_shape(state.shape), unstrided(config)
            for copies in range(1, max(template.repeats) + 1):
                if copies > 1:
                    shape = following.output_shape(shape)
                if copies in template.repeats:
                    yield _size(shape), met


def _size(shape: Shape) -> Size:
    """Height and width of a map; 1 x 1 of a vector."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)
