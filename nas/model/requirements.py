"""What a task may require of the features before its head, of a network or of a whole space."""

from blocks import Shape
from nas.errors import NasError
from nas.model.time_stride import time_steps
from nas.spec.definition import ArchitectureSpec
from nas.spec.document import Document
from nas.spec.space import SpaceSpec
from nas.spec.state import State
from nas.spec.template import LayerTemplate

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
