"""What a network is made of: block configs with true shapes, and the modules that they build."""

from blocks.base import Axes, BlockConfig, Identity, Shape
from blocks.cost import Alive, Cost, Memory
from blocks.detection import DetectionHeadConfig, DetectionOutput
from blocks.init import initialise_weights
from blocks.layers import ConvNormAct, SqueezeExcitation
from blocks.pyramid import STRIDES, pyramid_shape, shapes_in
from blocks.registry import BLOCKS, NECKS, BlockRegistry, register_block, register_neck
from blocks.time_attention import TimeAttention, TimeAttentionConfig, TimeAttentionOutput

__all__ = [
    "BLOCKS",
    "NECKS",
    "STRIDES",
    "Alive",
    "Axes",
    "BlockConfig",
    "BlockRegistry",
    "ConvNormAct",
    "Cost",
    "DetectionHeadConfig",
    "DetectionOutput",
    "Identity",
    "Memory",
    "Shape",
    "SqueezeExcitation",
    "TimeAttention",
    "TimeAttentionConfig",
    "TimeAttentionOutput",
    "initialise_weights",
    "pyramid_shape",
    "register_block",
    "register_neck",
    "shapes_in",
]
