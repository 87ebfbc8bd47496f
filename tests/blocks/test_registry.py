"""Names and classes of blocks."""

import pytest

from blocks import BLOCKS
from blocks.conv import ConvConfig
from blocks.registry import BlockRegistry


def test_a_taken_name_is_refused() -> None:
    registry = BlockRegistry()
    assert registry.register(ConvConfig) is ConvConfig
    with pytest.raises(ValueError, match="'Conv' is registered already"):
        registry.register(ConvConfig)


def test_the_library_is_complete() -> None:
    """The names that files use; losing one would break files that people have."""
    assert set(BLOCKS) >= {
        "Conv",
        "FixedConv",
        "DWConv",
        "InvertedResidualv2",
        "InvertedResidualv3",
        "MBConv",
        "ShuffleNetV2",
        "Bottleneck",
        "MaxPool",
        "AvgPool",
        "GlobalAvgPool",
        "Flatten",
        "Linear",
        "Dropout",
    }
    assert "InvertedResidualV2" not in BLOCKS
    assert BLOCKS["Conv"] is ConvConfig


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Conv", "out kernel stride padding groups activation"),
        ("FixedConv", "out kernel stride padding groups activation"),
        ("DWConv", "out kernel stride padding activation"),
        ("InvertedResidualv2", "out expand stride"),
        ("InvertedResidualv3", "kernel expand out se hs stride"),
        ("MBConv", "expand out stride kernel"),
        ("ShuffleNetV2", "stride"),
        ("Bottleneck", "out shortcut groups expansion activation"),
        ("MaxPool", "kernel stride padding"),
        ("AvgPool", "kernel stride padding"),
        ("GlobalAvgPool", ""),
        ("Flatten", ""),
        ("Linear", "out activation"),
    ],
)
def test_order_of_row_arguments(name: str, arguments: str) -> None:
    assert BLOCKS[name].row_arguments == tuple(arguments.split())
