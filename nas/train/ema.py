"""An exponential moving average of a network's weights."""

from copy import deepcopy

import torch
from torch import nn


class WeightAverage:
    """Follows a network; its own copy, `network`, has the averaged weights and statistics.

    The decay of update t is min(decay, t / (t + 9)), so that the first steps, from weights that
    mean nothing yet, are soon forgotten (the ramp of TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the weights of `network`, after an optimiser's step."""
        self.updates += 1
        share = 1 - min(self.decay, self.updates / (self.updates + 9))
        followed = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.is_floating_point():
                average.lerp_(followed[name], share)
            else:
                average.copy_(followed[name])
