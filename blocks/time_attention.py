"""Head of sound event detection: logits of each time step, and of the clip by attention."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor, cat, nn

from blocks.base import Axes, BlockConfig, Channels, Shape, feature_map
from blocks.cost import Cost


class TimeAttentionOutput(NamedTuple):
    """Logits of K classes, for N clips."""

    clipwise_NK: Tensor
    """Class logits of the whole clip."""
    segmentwise_NKT: Tensor
    """Class logits of each of T time steps: those of the features, or all frames of the input."""

    def stretched(self, stride: int, frames: int) -> "TimeAttentionOutput":
        """The same with a segment-wise value for each of `frames`: that of the nearest time step.

        Step t is centred on frame t * stride, as kernels of odd size between equal paddings put it,
        so it stands for the `stride` frames around that one; the last stands for what is left.
        """
        steps = self.segmentwise_NKT.shape[2]
        parts = self.segmentwise_NKT[..., None].expand(-1, -1, -1, stride).flatten(2)
        parts = parts[..., stride // 2 :]
        missing = frames - (steps * stride - stride // 2)
        if missing > 0:
            parts = cat([parts, parts[..., -1:].expand(-1, -1, missing)], dim=2)
        return self._replace(segmentwise_NKT=parts[..., :frames])


class TimeAttention(nn.Module):
    """Attention over time (Kong et al. 2020, arXiv:1912.10211, eq. 2-3, on logits), time along W.

    The features are rectified and averaged over the frequencies, H. As the pipeline for the
    rainforest recordings has it, the attention is a softmax over the time steps of each class.
    """

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.activation = nn.ReLU()
        self.score = nn.Conv1d(in_channels, classes, 1, bias=False)
        self.attend = nn.Conv1d(in_channels, classes, 1, bias=False)

    def forward(self, x_NCHW: Tensor) -> TimeAttentionOutput:
        # pool the frequencies
        x_NCT = self.activation(x_NCHW).mean(2)
        # score
        segmentwise_NKT: Tensor = self.score(x_NCT)
        # attend
        attention_NKT: Tensor = self.attend(x_NCT).softmax(2)
        return TimeAttentionOutput((segmentwise_NKT * attention_NKT).sum(2), segmentwise_NKT)


class TimeAttentionConfig(BlockConfig):
    """Clip-wise and segment-wise logits over time: a head, so not in the registry.

    Its module gives a `TimeAttentionOutput`; the shape `(out,)` is that of the clip-wise logits.
    """

    name: ClassVar[str] = "TimeAttention"

    out: Channels
    """Classes."""

    def output_shape(self, in_shape: Shape) -> Shape:
        feature_map(in_shape, self.name)
        return (self.out,)

    def cost(self, in_shape: Shape) -> Cost | None:
        channels, _, steps = feature_map(in_shape, self.name)
        weights = 2 * channels * self.out
        return Cost(weights * steps, weights, 2 * self.out * steps)

    def channel_axes(self, in_shape: Shape) -> Mapping[str, Axes] | None:
        return dict.fromkeys(("score.weight", "attend.weight"), ("out", "in", None))

    def build(self, in_shape: Shape) -> nn.Module:
        channels, _, _ = feature_map(in_shape, self.name)
        return TimeAttention(channels, self.out)
