"""An input size as a person writes it."""

import pytest

from nas.errors import NasError
from nas.spec.definition import InputSpec


@pytest.mark.parametrize("text", ["3x46x64", " 3X46x64 ", "3,46,64"])
def test_channels_height_and_width(text: str) -> None:
    assert InputSpec.parsed(text) == InputSpec(channels=3, height=46, width=64)


@pytest.mark.parametrize(
    "text", ["", "46x64", "3x46x64x2", "0x46x64", "3x46x-1", "3x46x99999", "5000x4x4", "3x4.5x6"]
)
def test_other_forms_name_the_flag(text: str) -> None:
    with pytest.raises(NasError, match="no input size; write channels, height, width") as refused:
        InputSpec.parsed(text)
    assert refused.value.key == "--input"
