"""Whether a network, or every member of a space, has the maps that a detector looks at."""

from collections.abc import Iterator

from blocks import STRIDES, Shape
from nas.errors import NasError
from nas.model.features import shapes_only
from nas.model.maps import load_maps, maps_shape
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import unstrided
from nas.spec.pyramid import Size, map_sizes, missing_map
from nas.spec.space import SpaceSpec
from nas.spec.state import State
from nas.spec.template import LayerTemplate

Course = tuple[Size, frozenset[Size]]
"""Size of the map that a layer puts out, and which of the wanted sizes were met on the way."""


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
        courses: set[Course] = {(_size(shape), frozenset())}
        for template, states in zip(space.layers, space.states, strict=True):
            courses = {
                (size, met | ({size} & set(sizes)))
                for course in courses
                for size, met in _after(template, course, states)
            }
        for course in sorted(courses, key=str):
            _check_course(space, course, sizes)


def _check_course(space: SpaceSpec, course: Course, sizes: tuple[Size, ...]) -> None:
    last, met = course
    for stride, size in zip(STRIDES, sizes, strict=True):
        if size not in met:
            problem = f"{missing_map(stride, size)} comes out of any layer of some member"
            raise space.document.error(("layers",), problem)
    if last != sizes[-1]:
        problem = f"a member ends in {last[0]}x{last[1]}, not at stride {STRIDES[-1]}"
        wanted = "x".join(map(str, sizes[-1]))
        raise space.document.error(space.layers[-1].key, f"{problem} in {wanted}")


def _after(template: LayerTemplate, course: Course, states: frozenset[State]) -> Iterator[Course]:
    """Every size in which the layer can end."""
    size, met = course
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
    """Height and width of a map; a vector has one place."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)
