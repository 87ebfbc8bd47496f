"""The contract of blocks, run on the own one."""

from own_block import GhostConfig

from nas.testing import BlockContract


class TestGhost(BlockContract):
    config = GhostConfig
