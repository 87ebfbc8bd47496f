"""AdamW with weight decay on weights only, learning rate schedules, batch norm momentum."""

from math import cos, pi

import torch
from torch import nn

from nas.spec.training import TrainingSpec


def build_optimizer(network: nn.Module, training: TrainingSpec) -> torch.optim.AdamW:
    """AdamW without weight decay of vectors (biases, scales of normalisations)."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # fused: one kernel for all parameters, up to 8 % of a step on the CPU
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=training.learning_rate, fused=fused
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of all groups for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def set_batch_norm_momentum(network: nn.Module, momentum: float) -> None:
    """Set the momentum of every batch normalisation."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = momentum


WARM_UP = 0.3
"""Share of a one-cycle run in which the rate rises (Smith & Topin 2018, PyTorch's default)."""
START_DIVISOR = 25.0
"""Peak over the first rate of a one-cycle run."""
END_DIVISOR = 25.0 * 1e4
"""Peak over the last rate of a one-cycle run."""


def learning_rate_at(training: TrainingSpec, step: int, steps: int) -> float:
    """Rate of step `step`, counted from 0, of `steps` in the whole run.

    `one_cycle` agrees with `torch.optim.lr_scheduler.OneCycleLR(total_steps=steps)`, `cosine` with
    `CosineAnnealingLR(T_max=steps)`. A cycle of 3 steps or less begins at its peak.
    """
    peak = training.learning_rate
    if training.schedule == "cosine":
        return _cosine(peak, 0.0, step / steps)
    turn = max(WARM_UP * steps - 1, 0.0)
    if step <= turn:
        return _cosine(peak / START_DIVISOR, peak, step / turn if turn > 0 else 1.0)
    return _cosine(peak, peak / END_DIVISOR, (step - turn) / (steps - 1 - turn))


def _cosine(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + cos(pi * share)) / 2
