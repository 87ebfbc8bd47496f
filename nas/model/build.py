"""From an architecture to a PyTorch module."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from blocks import Shape, TimeAttentionOutput, initialise_weights
from nas.model.features import feature_shape, load_features, shapes_only
from nas.model.maps import MapsSequential, load_maps, maps_shape
from nas.model.reference import load_reference
from nas.model.time_stride import feature_stride, time_stride
from nas.spec.definition import ArchitectureSpec, head_layers
from nas.spec.layers import Step, walk


class Network(nn.Module):
    """The layers of an architecture and its head."""

    def __init__(self, layers: nn.Module, head: nn.Sequential, time_stride: int = 1) -> None:
        super().__init__()
        self.layers = layers
        self.head = head
        self.time_stride = time_stride
        """Input frames per time step of the features."""

    def forward(self, x_NCHW: Tensor) -> Any:
        """Logits (N, K) for inputs (N, C, H, W); of a head over time a `TimeAttentionOutput`, whose
        segment-wise logits are (N, K, W): a time step's value for all frames that it stands for;
        of a detection head a `DetectionOutput`.
        """
        outputs = self.head(self.layers(x_NCHW))
        if isinstance(outputs, Tensor):
            return outputs.flatten(1)
        if isinstance(outputs, TimeAttentionOutput):
            return outputs.stretched(self.time_stride, x_NCHW.shape[3])
        return outputs


def build_network(
    architecture: ArchitectureSpec, *, pretrained: bool = False, weights: Path | None = None
) -> nn.Module:
    """The module of an architecture, initialised; float32 `(N, C, H, W)` in, logits `(N, K)` out.

    Under `with torch.device("meta")` it is built without memory for weights. Another library's
    network (`model:`) comes with that library's initialisation, its pretrained weights, or those of
    a file; with a head over time it is cut before its pooling, for a detector at the strides 8, 16
    and 32.

    Raises NasError for a `model` that can't be built.
    """
    if architecture.model is not None:
        return _reference_network(architecture.model, architecture, pretrained, weights)
    stride = time_stride(architecture) if architecture.keeps_time else 1
    layers, head = _layers(architecture), _sequence(architecture.head_steps())
    network = Network(layers, head, stride)
    initialise_weights(network)
    return network


def _layers(architecture: ArchitectureSpec) -> nn.Sequential:
    steps = architecture.steps()
    if not architecture.detects:
        return _sequence(steps)
    return MapsSequential(_modules(steps), architecture.out_indices())


def _reference_network(
    model: str, architecture: ArchitectureSpec, pretrained: bool, weights: Path | None
) -> nn.Module:
    size, classes = architecture.input, len(architecture.classes)
    if architecture.detects:
        features = load_maps(model, size.channels, pretrained=pretrained, weights=weights)
        shape = maps_shape(shapes_only(features), size.shape)
        return _headed(architecture, features, shape)
    if not architecture.keeps_time:
        sides = (size.height, size.width)
        return load_reference(
            model, classes, pretrained=pretrained, weights=weights, input_size=sides
        )
    features = load_features(model, size.channels, pretrained=pretrained, weights=weights)
    shapes = shapes_only(features)
    stride = feature_stride(shapes, size.shape)
    return _headed(architecture, features, feature_shape(shapes, size.shape), stride)


def _headed(
    architecture: ArchitectureSpec, features: nn.Module, shape: Shape, time_stride: int = 1
) -> Network:
    """The features of another library's network, of that shape, with the architecture's head."""
    layers = head_layers(architecture.head, shape, len(architecture.classes), architecture.neck)
    head = _sequence(walk(layers, shape))
    initialise_weights(head)
    return Network(features, head, time_stride)


def _sequence(steps: Sequence[Step]) -> nn.Sequential:
    return nn.Sequential(_modules(steps))


def _modules(steps: Sequence[Step]) -> OrderedDict[str, nn.Module]:
    return OrderedDict((step.name, step.config.build(step.in_shape)) for step in steps)


class MeanNetwork(nn.Module):
    """Ensemble: the mean output of several networks of the same input and classes.

    Args:
        mean_outputs: From the networks' outputs for one batch, in order, to one output of the same
            form; a task's `mean_outputs` averages probabilities.

    Raises ValueError without networks.
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
