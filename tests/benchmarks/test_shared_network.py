"""Members of the comparison of shared and retrained values, and how it reports them."""

from pathlib import Path

import pytest
from scipy.stats import kendalltau, spearmanr

from benchmarks.shared_network import (
    SharedMeasurement,
    members_between,
    read_measurements,
    table,
    write_measurements,
)
from nas.spec.space import parse_space

SPACE = """
name: small
input: {channels: 3, height: 16, width: 16}
layers:
  - {name: a, block: Conv, out: {low: 4, high: 64, step: 4}, stride: 2}
  - {name: b, block: Conv, out: {low: 4, high: 64, step: 4}, repeat: {low: 1, high: 3}}
"""


def test_members_lie_all_over_the_range_on_a_logarithmic_scale() -> None:
    drawn = members_between(parse_space(SPACE), 50_000, 3_200_000, 6)
    macs = [network.cost.macs for network in drawn]
    bounds = [50_000 * 2**part for part in range(7)]
    assert len(macs) == 6
    for low, value, high in zip(bounds, macs, bounds[1:], strict=False):
        assert low <= value < high


def measured(number: int, shared: float, retrained: float | None) -> SharedMeasurement:
    return SharedMeasurement(
        f"{number:016x}", 10**6 * number, 10**4, "3x16x16", shared, 1.5, retrained, 12, 60.0
    )


@pytest.mark.slow
def test_ranks_of_those_that_were_retrained_are_compared(tmp_path: Path) -> None:
    shared, retrained = [0.5, 0.4, 0.7, 0.6, 0.9], [0.55, 0.6, 0.65, 0.8, 0.85]
    items = [measured(n + 1, s, r) for n, (s, r) in enumerate(zip(shared, retrained, strict=True))]
    items.append(measured(9, 0.1, None))
    lines = table(items)
    assert len(lines) == 6 + 3
    assert lines[6] == "5 members retrained, 5.0 minutes; with shared weights 0.1"
    assert f"Spearman {spearmanr(shared, retrained).statistic:+.2f} [" in lines[7]
    assert f"Kendall {kendalltau(shared, retrained).statistic:+.2f} [" in lines[7]
    file = tmp_path / "members.jsonl"
    write_measurements(file, {item.hash: item for item in items})
    assert read_measurements(file) == items


@pytest.mark.parametrize("count", [0, 2])
def test_a_few_members_have_no_ranks(count: int) -> None:
    assert len(table([measured(n + 1, 0.5, 0.5) for n in range(count)])) == count
