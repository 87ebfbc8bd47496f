"""How costs are written."""

import pytest

from nas.runs.costs import MACS_KIND, CostKind

LATENCY = CostKind("latency_ms", "latency", "ms")


@pytest.mark.parametrize(
    ("kind", "value", "text", "phrase"),
    [
        (MACS_KIND, 1_862_490, "1.86 M", "1.86 M MACs"),
        (MACS_KIND, 0, "0", "0 MACs"),
        (MACS_KIND, None, "-", "- MACs"),
        (LATENCY, 0.12345, "0.123", "0.123 ms latency"),
        (LATENCY, 12.0, "12", "12 ms latency"),
        (LATENCY, 1234.5, "1.23 k", "1.23 k ms latency"),
        (LATENCY, -0.5, "-0.5", "-0.5 ms latency"),
    ],
)
def test_three_digits(kind: CostKind, value: float | None, text: str, phrase: str) -> None:
    assert kind.text(value) == text
    assert kind.phrase(value) == phrase


def test_heads_and_axes() -> None:
    assert MACS_KIND.head == "MACs"
    assert MACS_KIND.axis_label == "multiply-adds of one sample (MACs, logarithmic)"
    assert LATENCY.head == "latency (ms)"
    assert LATENCY.axis_label == "latency (ms, logarithmic)"
