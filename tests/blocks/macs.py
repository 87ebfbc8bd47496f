"""What PyTorch's counter finds in a block, to hold against formulas written by hand."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from blocks import BlockConfig, Shape


def counted_macs(config: BlockConfig, in_shape: Shape) -> int:
    """Multiply-adds of one sample."""
    with torch.device("meta"):
        module = config.build(in_shape).eval()
        with FlopCounterMode(display=False) as counter:
            module(torch.empty(1, *in_shape))
    return int(counter.get_total_flops()) // 2


def parameters(config: BlockConfig, in_shape: Shape) -> int:
    """Trainable values, batch normalisation included."""
    with torch.device("meta"):
        module = config.build(in_shape)
    return sum(parameter.numel() for parameter in module.parameters())
