"""AdamW with weight decay on weights only, and what goes with a step."""

import torch
from torch import nn

from nas.spec.training import TrainingSpec


def build_optimizer(network: nn.Module, training: TrainingSpec) -> torch.optim.AdamW:
    """AdamW; vectors (biases and the scales of normalisations) are not decayed."""
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
    """Set how fast running statistics follow, on every batch normalisation."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = momentum
