"""From an architecture to a PyTorch module."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from blocks import initialise_weights
from nas.model.features import feature_shape, load_features, shapes_only
from nas.model.reference import load_reference
from nas.model.time_stride import feature_stride, time_stride
from nas.spec.definition import ArchitectureSpec, head_layers
from nas.spec.layers import Step, walk


class Network(nn.Module):
    """The layers of an architecture and the head behind them."""

    def __init__(self, layers: nn.Module, head: nn.Sequential, time_stride: int = 1) -> None:
        super().__init__()
        self.layers = layers
        self.head = head
        self.time_stride = time_stride
        """Frames of the input from one time step of the features to the next."""

    def forward(self, x_NCHW: Tensor) -> Any:
        """Logits (N, K) for inputs (N, C, H, W); of a head over time a `TimeAttentionOutput`, whose
        segment-wise logits are (N, K, W): a time step's value for all frames that it stands for.
        """
        outputs = self.head(self.layers(x_NCHW))
        if isinstance(outputs, Tensor):
            return outputs.flatten(1)
        return outputs.stretched(self.time_stride, x_NCHW.shape[3])


def build_network(architecture: ArchitectureSpec, *, pretrained: bool = False) -> nn.Module:
    """The module of an architecture, initialised; float32 `(N, C, H, W)` in, logits `(N, K)` out.

    Under `with torch.device("meta")` it is built without memory for weights. Another library's
    network (`model:`) comes with that library's initialisation, or its pretrained weights; with a
    head over time it is cut before its pooling.

    Raises NasError for a `model` that can't be built.
    """
    if architecture.model is not None:
        return _reference_network(architecture.model, architecture, pretrained)
    stride = time_stride(architecture) if architecture.keeps_time else 1
    layers, head = _sequence(architecture.steps()), _sequence(architecture.head_steps())
    network = Network(layers, head, stride)
    initialise_weights(network)
    return network


def _reference_network(model: str, architecture: ArchitectureSpec, pretrained: bool) -> nn.Module:
    classes = len(architecture.classes)
    if not architecture.keeps_time:
        return load_reference(model, classes, pretrained=pretrained)
    size = architecture.input
    features = load_features(model, size.channels, pretrained=pretrained)
    shapes = shapes_only(features)
    shape = feature_shape(shapes, size.shape)
    head = _sequence(walk(head_layers(architecture.head, shape, classes), shape))
    initialise_weights(head)
    return Network(features, head, feature_stride(shapes, size.shape))


def _sequence(steps: Sequence[Step]) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict((step.name, step.config.build(step.in_shape)) for step in steps)
    )
