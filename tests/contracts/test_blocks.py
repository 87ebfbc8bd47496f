"""What every registered block must hold. Nothing here names a block: registering one tests it."""

import pytest

from blocks import BLOCKS
from blocks.conv import ConvConfig
from blocks.linear import FlattenConfig
from nas.testing import BlockContract

for _name in BLOCKS:
    globals()[f"Test{_name}"] = type(f"Test{_name}", (BlockContract,), {"config": BLOCKS[_name]})


@pytest.mark.parametrize("name", list(BLOCKS))
def test_every_block_is_tested_here(name: str) -> None:
    assert globals()[f"Test{name}"].config is BLOCKS[name]
    assert globals()[f"Test{name}"].cases()


def test_what_a_block_has_is_tested_and_nothing_else() -> None:
    class Strided(BlockContract):
        config = ConvConfig

    class Flat(BlockContract):
        config = FlattenConfig

    every = {name for name in dir(BlockContract) if name.startswith("test_")}
    assert {name for name in every if getattr(Strided, name) is None} == set()
    left_out = {name for name in every if getattr(Flat, name) is None}
    assert left_out == {"test_stride_of_each_size_on_odd_maps", "test_keeps_channels_last"}
