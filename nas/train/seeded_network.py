"""A network as a training begins with it."""

import torch
from torch import nn

from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec
from nas.train.device import seeded
from nas.train.failure import memory_watched


def build_seeded(architecture: ArchitectureSpec, seed: int, device: torch.device) -> nn.Module:
    """The network with the first weights of that seed, the same each time.

    Raises TrainingFailed where memory runs out.
    """
    with seeded(seed, device), memory_watched("building the network"):
        return build_network(architecture)
