"""Quantisation-aware training: the forward pass rounds as an 8-bit file does, so that weights learn
to live with it.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3. Convolutions and linear layers round their
weights to 7 bits, a scale a channel, and their inputs to 8 bits, one scale, which is what
`nas.export.int8` writes. A scale a channel comes through a folded normalisation unchanged.
"""

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nas.data.dataset import AnyTaskData
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.train.loop import FitResult, OnEpoch, Teaches, fit

DataT = TypeVar("DataT", bound=AnyTaskData)

RATE = 0.1
"""Peak learning rate by that of the training before."""
WEIGHT_LEVELS = 64
"""Whole numbers on either side of zero: 7 bits, as in `nas.export.int8.quantise_onnx`."""
INPUT_LEVELS = 255
RANGE_MOMENTUM = 0.05
"""Share of each batch in the range of a layer's inputs."""
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)
_RANGE = "input_range"


class RoundedWeight(nn.Module):
    """Weights (out, ...) rounded to 7 bits, a scale for each of the out channels."""

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weights; the gradient passes as if they were not."""
        largest = weight.detach().flatten(1).abs().amax(dim=1)
        scale = (largest / WEIGHT_LEVELS).clamp(min=torch.finfo(weight.dtype).tiny * 1e6)
        zero = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(
            weight, scale, zero, 0, -WEIGHT_LEVELS, WEIGHT_LEVELS
        )


class RoundedInput(nn.Module):
    """Inputs of a layer rounded to 8 bits of their range, a moving mean of the batches' own."""

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(float("inf")))
        self.register_buffer("high", torch.tensor(float("-inf")))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; the gradient passes within the range."""
        if self.training:
            self._follow(x.detach())
        scale = (self.high - self.low).float().clamp(min=1e-12) / INPUT_LEVELS
        zero = (-self.low / scale).round().clamp(0, INPUT_LEVELS).to(torch.int32)
        rounded = torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, 0, INPUT_LEVELS)
        return rounded.to(x.dtype)

    def _follow(self, x: Tensor) -> None:
        """Move the range, which holds zero, towards that of a batch."""
        low, high = x.amin().float().clamp(max=0), x.amax().float().clamp(min=0)
        first = self.low.isinf()
        self.low.copy_(torch.where(first, low, self.low.lerp(low, RANGE_MOMENTUM)))
        self.high.copy_(torch.where(first, high, self.high.lerp(high, RANGE_MOMENTUM)))


def begin_rounding(network: nn.Module) -> None:
    """Let all convolutions and linear layers round, in place; their state gets ranges of inputs."""
    for layer in [module for module in network.modules() if isinstance(module, _LAYERS)]:
        parametrize.register_parametrization(layer, "weight", RoundedWeight())
        layer.add_module(_RANGE, RoundedInput())
        layer.register_forward_pre_hook(_round_input)


def end_rounding(network: nn.Module) -> None:
    """Take it off again; the weights are left as they were rounded."""
    for layer in [module for module in network.modules() if isinstance(module, _LAYERS)]:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        delattr(layer, _RANGE)
        layer._forward_pre_hooks = type(layer._forward_pre_hooks)(
            (key, hook)
            for key, hook in layer._forward_pre_hooks.items()
            if hook is not _round_input
        )


def _round_input(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    rounded = getattr(layer, _RANGE)
    return (rounded(inputs[0]), *inputs[1:])


def fit_rounded(
    network: nn.Module,
    data: DataT,
    task: Task[DataT],
    training: TrainingSpec,
    *,
    device: torch.device,
    on_epoch: OnEpoch,
    checkpoint: Path,
    teaching: Teaches | None = None,
) -> FitResult:
    """Train a trained network on for `training.quantisation_aware` epochs, in place.

    The best epoch is that of the highest primary metric with rounding, and the weights end as they
    were rounded then. As `fit` otherwise.
    """
    begin_rounding(network)
    settings = training.model_copy(
        update={
            "epochs": training.quantisation_aware,
            "learning_rate": RATE * training.learning_rate,
            "schedule": "cosine",
        }
    )
    fitted = fit(
        network,
        data,
        task,
        settings,
        device=device,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
        teaching=teaching,
    )
    end_rounding(network)
    return fitted
