"""What a network is made of: block configs with true shapes, and the modules that they build."""

from blocks.base import BlockConfig, Identity, Shape
from blocks.cost import Cost
from blocks.init import initialise_weights
from blocks.layers import ConvNormAct, SqueezeExcitation
from blocks.registry import BLOCKS
from blocks.time_attention import TimeAttention, TimeAttentionConfig, TimeAttentionOutput

__all__ = [
    "BLOCKS",
    "BlockConfig",
    "ConvNormAct",
    "Cost",
    "Identity",
    "Shape",
    "SqueezeExcitation",
    "TimeAttention",
    "TimeAttentionConfig",
    "TimeAttentionOutput",
    "initialise_weights",
]
