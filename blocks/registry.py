"""Registry of blocks: the only place where a name becomes a class."""

from collections.abc import Iterator

from blocks.attention import CBAMConfig
from blocks.base import BlockConfig
from blocks.bifpn import BiFPNConfig
from blocks.bottleneck import BottleneckConfig
from blocks.conv import ConvConfig, DWConvConfig, FixedConvConfig
from blocks.fpn import FPNConfig
from blocks.inverted_residual import InvertedResidualv2Config, InvertedResidualv3Config
from blocks.linear import DropoutConfig, FlattenConfig, LinearConfig
from blocks.mbconv import MBConvConfig
from blocks.pooling import AvgPoolConfig, GlobalAvgPoolConfig, MaxPoolConfig
from blocks.shufflenet import ShuffleNetV2Config


class BlockRegistry:
    """Block configs by name."""

    def __init__(self) -> None:
        self._configs: dict[str, type[BlockConfig]] = {}

    def register(self, config: type[BlockConfig]) -> type[BlockConfig]:
        """`config` itself. Raises ValueError for a taken name."""
        if config.name in self._configs:
            raise ValueError(
                f"block {config.name!r} is registered already: {self._configs[config.name]}"
            )
        self._configs[config.name] = config
        return config

    def __getitem__(self, name: str) -> type[BlockConfig]:
        return self._configs[name]

    def __contains__(self, name: object) -> bool:
        return name in self._configs

    def __iter__(self) -> Iterator[str]:
        return iter(self._configs)


BLOCKS = BlockRegistry()
for _config in (
    ConvConfig,
    FixedConvConfig,
    DWConvConfig,
    InvertedResidualv2Config,
    InvertedResidualv3Config,
    MBConvConfig,
    ShuffleNetV2Config,
    BottleneckConfig,
    CBAMConfig,
    MaxPoolConfig,
    AvgPoolConfig,
    GlobalAvgPoolConfig,
    FlattenConfig,
    LinearConfig,
    DropoutConfig,
):
    BLOCKS.register(_config)

NECKS = BlockRegistry()
"""Necks: blocks between the features at several strides and a detection head."""
for _neck in (FPNConfig, BiFPNConfig):
    NECKS.register(_neck)


def register_block(config: type[BlockConfig]) -> type[BlockConfig]:
    """`config` itself (usable as a decorator); YAML files may then name the block.

    Raises ValueError for a name that is taken.
    """
    return BLOCKS.register(config)


def register_neck(config: type[BlockConfig]) -> type[BlockConfig]:
    """As `register_block`, for a neck before a detection head."""
    return NECKS.register(config)
