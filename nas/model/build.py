"""From an architecture to a PyTorch module."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from blocks import initialise_weights
from nas.model.reference import load_reference
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import Step


class Network(nn.Module):
    """The layers of an architecture and the head behind them."""

    def __init__(self, layers: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers
        self.head = head

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits of shape (N, K) for images of shape (N, C, H, W)."""
        logits: Tensor = self.head(self.layers(x_NCHW))
        return logits.flatten(1)


def build_network(architecture: ArchitectureSpec, *, pretrained: bool = False) -> nn.Module:
    """The module of an architecture, initialised; float32 `(N, C, H, W)` in, logits `(N, K)` out.

    Under `with torch.device("meta")` it is built without memory for weights. Another library's
    network (`model:`) comes with that library's initialisation, or its pretrained weights.

    Raises NasError for a `model` that can't be built.
    """
    if architecture.model is not None:
        return load_reference(architecture.model, len(architecture.classes), pretrained=pretrained)
    network = Network(_sequence(architecture.steps()), _sequence(architecture.head_steps()))
    initialise_weights(network)
    return network


def _sequence(steps: Sequence[Step]) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict((step.name, step.config.build(step.in_shape)) for step in steps)
    )
