"""Detectors that come whole from elsewhere, with a loss and a decoding of their own."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from nas.tasks.covid.detections import Detections


class WholeDetector(nn.Module, ABC):
    """What a `model:` with `head: none` must be for the detection task.

    `forward` takes (N, C, H, W), normalised, and gives a list of `Detections`, one an image, in
    evaluation mode.
    """

    @abstractmethod
    def training_loss(self, x_NCHW: Tensor, boxes: tuple[Tensor, ...]) -> Tensor:
        """The loss of a training batch, a scalar; `boxes` (B, 4) are x1 y1 x2 y2 in pixels."""

    @abstractmethod
    def for_counting(self) -> nn.Module:
        """The parts that multiply and add, as one module of (N, C, H, W) that looks at no value."""

    @abstractmethod
    def forward(self, x_NCHW: Tensor) -> list[Detections]:
        """The boxes found in each image."""
