"""Several networks as one."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn


class MeanNetwork(nn.Module):
    """Networks of the same input and classes whose outputs are put together to one.

    Args:
        mean_outputs: From the networks' outputs for one batch, in order, to one output of the same
            form; a task's `mean_outputs` averages probabilities.

    Raises ValueError for no network.
    """

    def __init__(
        self, networks: Sequence[nn.Module], mean_outputs: Callable[[Sequence[Any]], Any]
    ) -> None:
        super().__init__()
        if not networks:
            raise ValueError("an ensemble of no networks")
        self.networks = nn.ModuleList(networks)
        self._mean_outputs = mean_outputs

    def forward(self, x_NCHW: Tensor) -> Any:
        """The mean output for inputs of shape (N, C, H, W)."""
        return self._mean_outputs([network(x_NCHW) for network in self.networks])
