"""A chain of modules of which several outputs are wanted."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn


class TappedSequential(nn.Sequential):
    """Modules in a row that put out what some of them do: maps for a neck, fine to coarse."""

    def __init__(self, modules: OrderedDict[str, nn.Module], tapped: Sequence[int]) -> None:
        super().__init__(modules)
        self.tapped = frozenset(tapped)
        """Places of these modules."""

    def forward(self, x_NCHW: Tensor) -> list[Tensor]:
        maps = []
        for place, module in enumerate(self):
            x_NCHW = module(x_NCHW)
            if place in self.tapped:
                maps.append(x_NCHW)
        return maps
