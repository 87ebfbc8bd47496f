"""What a network costs besides MACs, in words."""

import pytest

from nas.macs.report import fact_text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("macs_per_audio_second", 1_554_000.4, "1.55 M MACs per audio second"),
        ("macs_per_audio_second", 700.2, "700 MACs per audio second"),
        ("seconds_per_window", 8.19251, "8.193 seconds per window"),
    ],
)
def test_fact_text(name: str, value: float, expected: str) -> None:
    assert fact_text(name, value) == expected
