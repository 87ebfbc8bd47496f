"""Maps that shrink to a point, or to a line, before the last stage of a network looks at them."""

from dataclasses import dataclass
from itertools import takewhile

from blocks.linear import FlattenConfig
from blocks.pooling import GlobalAvgPoolConfig
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import Step


@dataclass(frozen=True, order=True)
class SmallMap:
    """Where the maps of a network get too small for windows that look at neighbours."""

    layer: str
    """The layer behind which they are."""
    height: int
    width: int

    @property
    def text(self) -> str:
        """`1x1 behind m4`."""
        return f"{self.height}x{self.width} behind {self.layer}"


def small_map(architecture: ArchitectureSpec) -> SmallMap | None:
    """The first map with a side of 1 that a stage with windows follows; None where none does.

    A window of 3x3 on such a map sees little but padding. What pools on purpose ends the stages.
    """
    steps = list(takewhile(lambda step: not _pools_all(step), architecture.steps()))
    last = max((step.layer for step in steps if _has_window(step)), default=0)
    for step in steps:
        if step.layer < last and 1 in step.out_shape[1:]:
            label = architecture.layers[step.layer].label(step.layer)
            return SmallMap(label, *step.out_shape[1:])
    return None


def _pools_all(step: Step) -> bool:
    return isinstance(step.config, GlobalAvgPoolConfig | FlattenConfig)


def _has_window(step: Step) -> bool:
    """Whether its convolutions or pools see neighbours, as all of ours do but those of 1x1."""
    kernel = getattr(step.config, "kernel", None)
    cost = step.config.cost(step.in_shape)
    return kernel > 1 if kernel is not None else cost is None or cost.macs > 0
