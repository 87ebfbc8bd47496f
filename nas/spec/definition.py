"""An architecture as an object: layers, input, head, classes."""

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError

from blocks import (
    BLOCKS,
    NECKS,
    DetectionHeadConfig,
    Shape,
    TimeAttentionConfig,
    pyramid_shape,
)
from nas.errors import NasError
from nas.spec.layers import LayerSpec, Step, walk
from nas.spec.preprocess import Preprocess
from nas.spec.provenance import Provenance
from nas.spec.pyramid import out_indices
from nas.spec.validate import Frozen

Side = Annotated[int, Field(strict=True, ge=1, le=16_384)]
Head = Literal["linear", "none", "attention", "cbam_attention", "detection"]
TIME_HEADS = ("attention", "cbam_attention")
"""Heads with logits for each time step, not one for the whole input."""
DETECTION_HEAD: Final[Literal["detection"]] = "detection"
"""The head with classes and boxes, after a neck over the maps at several strides."""
MAX_CLASSES = 25_000


class InputSpec(Frozen):
    """Shape of the network's input."""

    channels: Annotated[int, Field(strict=True, ge=1, le=4_096)] = 3
    """Channels: 3 is colour, 1 is grey."""
    height: Side
    """Rows, in pixels."""
    width: Side
    """Columns, in pixels."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """The input that `CxHxW` says, as `3x46x64`. Raises NasError for another form."""
        match = re.fullmatch(r"(\d{1,5})[x,](\d{1,5})[x,](\d{1,5})", text.strip().lower())
        sizes = tuple(map(int, match.groups())) if match else ()
        if len(sizes) != 3 or not all(1 <= size <= 16_384 for size in sizes) or sizes[0] > 4_096:
            raise NasError(
                f"{text!r} is no input size; write channels, height, width as in 3x46x64",
                key="--input",
            )
        channels, height, width = sizes
        return cls(channels=channels, height=height, width=width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(C, H, W)`."""
        return self.channels, self.height, self.width


class BeginSpec(Frozen):
    """From which network's weights a network begins, instead of from random ones."""

    reference: Annotated[str, Field(min_length=1)] | None = None
    """Architecture that the weights belong to: an installed reference's name, or a file; null is
    the network itself, or the one of the run whose folder `weights` names."""
    weights: Annotated[str, Field(min_length=1)] = "hub"
    """Where the weights are: `hub` (the published ones, downloaded), `pip:NAME` (an installed
    package), a `.safetensors` or `.pth` file, or the folder of a finished run."""


def default_neck() -> LayerSpec:
    """Default neck of a detector."""
    return LayerSpec(NECKS["BiFPN"].model_validate({"out": 64}))


def head_layers(
    head: Head, features: Shape, classes: int, neck: LayerSpec | None = None
) -> tuple[LayerSpec, ...]:
    """The layers of a head on `features`, which for a detector are maps."""
    if head == "none":
        return ()
    if head == DETECTION_HEAD:
        named = replace(neck or default_neck(), name="neck")
        return (named, LayerSpec(DetectionHeadConfig(out=classes), name="detection"))
    if head in TIME_HEADS:
        cbam = [LayerSpec(BLOCKS["CBAM"](), name="cbam")] if head == "cbam_attention" else []
        return (*cbam, LayerSpec(TimeAttentionConfig(out=classes), name="attention"))
    pooled = [] if len(features) == 1 else [LayerSpec(BLOCKS["Flatten"](), name="flatten")]
    if len(features) == 3 and features[1:] != (1, 1):
        pooled.insert(0, LayerSpec(BLOCKS["GlobalAvgPool"](), name="pool"))
    linear = BLOCKS["Linear"].model_validate({"out": classes})
    return (*pooled, LayerSpec(linear, name="linear"))


@dataclass(frozen=True)
class ArchitectureSpec:
    """A network as data. Either `layers` are given or, for another library's network, `model`."""

    name: str
    input: InputSpec
    layers: tuple[LayerSpec, ...] = ()
    classes: tuple[str, ...] = ()
    head: Head = "linear"
    """`linear`: pooling and a linear classifier follow the layers; `none`: they end in logits;
    `attention`: clip-wise and segment-wise logits over time, `cbam_attention`: the same after
    CBAM; `detection`: classes and boxes at every location of the neck's maps."""
    neck: LayerSpec | None = None
    """Fuses the maps at the strides 8, 16 and 32 for `head: detection`; None elsewhere."""
    task: str = "image"
    begin: BeginSpec | None = None
    """From which weights training begins; None is from random ones."""
    model: str | None = None
    """`torchvision:NAME`, `timm:NAME` or `my.module:factory` instead of layers."""
    preprocess: Preprocess | None = None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def keeps_time(self) -> bool:
        """Whether the head has logits for each time step, not one for the whole input."""
        return self.head in TIME_HEADS

    @property
    def detects(self) -> bool:
        """Whether the head gives boxes, from maps at several strides."""
        return self.head == DETECTION_HEAD

    def head_layers(self) -> tuple[LayerSpec, ...]:
        """The layers of the head, after the features of the layers."""
        if self.model is not None:
            return ()
        return head_layers(self.head, self.head_input(), len(self.classes), self.neck)

    def steps(self) -> tuple[Step, ...]:
        """The blocks of the layers. Raises NasError for a block that can't take its input."""
        return walk(self.layers, self.input.shape)

    def feature_shape(self) -> Shape:
        """Output shape of the layers for one sample: `(C, H, W)` or `(C,)`."""
        steps = self.steps()
        return steps[-1].out_shape if steps else self.input.shape

    def out_indices(self) -> tuple[int, ...]:
        """Indices of the steps whose outputs are the neck's maps; empty without a neck.

        Raises NasError where a map is missing.
        """
        if not self.detects or self.model is not None:
            return ()
        return out_indices([step.out_shape for step in self.steps()], self.input.shape)

    def head_input(self) -> Shape:
        """Input of the head: the layers' last output, or the maps for a neck."""
        steps = self.steps()
        indices = self.out_indices()
        return (
            pyramid_shape(steps[i].out_shape for i in indices) if indices else self.feature_shape()
        )

    def head_steps(self) -> tuple[Step, ...]:
        """The blocks of the neck and the head."""
        return walk(self.head_layers(), self.head_input())

    def check_outputs(self) -> None:
        """Raises NasError unless each block takes its input and one logit per class comes out."""
        features = self.feature_shape()
        self.head_steps()
        if self.model is None and self.head == "none" and not self._gives_logits(features):
            came, wanted = "x".join(map(str, features)), len(self.classes)
            problem = f"with head none the layers must end in {wanted}x1x1 for {wanted} classes"
            raise NasError(f"{problem}, but they end in {came}", key="head")

    def _gives_logits(self, features: Shape) -> bool:
        return features[0] == len(self.classes) and all(side == 1 for side in features[1:])

    def with_classes(self, classes: tuple[str, ...]) -> "ArchitectureSpec":
        """The same network for other classes: the classifier gets as many outputs.

        With `head: none` the classifier is the last layer that has an `out`. Raises NasError where
        that layer can't have as many outputs.
        """
        if self.head != "none" or self.model is not None or len(classes) == len(self.classes):
            return replace(self, classes=classes)
        layers = list(self.layers)
        last = max(
            (i for i, layer in enumerate(layers) if getattr(layer.config, "out", None) is not None),
            default=None,
        )
        if last is not None:
            layers[last] = _widened(layers[last], len(classes))
        changed = replace(self, layers=tuple(layers), classes=classes)
        changed.check_outputs()
        return changed


def _widened(layer: LayerSpec, out: int) -> LayerSpec:
    settings = layer.config.model_dump() | {"out": out}
    try:
        return replace(layer, config=type(layer.config).model_validate(settings))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise NasError(
            f"{layer.config.name} can't have {out} output channels: {problem}"
        ) from error
