"""What repeated measurements of time say, by hand."""

import pytest

from nas.device.latency import Latency, LatencyRatio


def rounds(*medians: float) -> Latency:
    """Rounds of three runs with these medians."""
    return Latency(tuple((middle - 0.1, middle, middle + 0.2) for middle in medians))


def test_the_percentiles_are_of_all_runs() -> None:
    latency = Latency(((5.0, 1.0, 3.0), (2.0, 4.0), (11.0, 7.0, 9.0, 6.0, 8.0, 10.0)))
    assert latency.quantiles == pytest.approx((2.0, 6.0, 10.0))
    assert latency.medians == [3.0, 3.0, 8.5]
    said = latency.as_json()
    assert (said["median_ms"], said["runs"], said["rounds"]) == (6000.0, 11, 3)


def test_one_disturbed_round_is_no_noise_and_two_are() -> None:
    assert rounds(10.0, 10.0, 10.0, 10.0, 10.0, 30.0).spread == 0
    assert not rounds(10.0, 10.0, 10.0, 10.0, 10.0, 30.0).noisy
    disturbed = rounds(10.0, 10.0, 10.0, 10.0, 12.0, 30.0)
    assert disturbed.spread == pytest.approx(2 / 10.2)  # the median of all runs is 10.2
    assert disturbed.noisy


def test_a_ratio_is_of_pairs_so_a_machine_that_slows_down_changes_nothing() -> None:
    slower_and_slower = [1.0, 2.0, 4.0, 8.0]
    ratio = LatencyRatio.of(
        rounds(*(3 * value for value in slower_and_slower)), rounds(*slower_and_slower)
    )
    assert ratio.quantiles == pytest.approx((3.0, 3.0, 3.0))
    assert not ratio.undecided


def test_a_ratio_that_may_be_one_decides_nothing() -> None:
    assert LatencyRatio((0.8, 0.9, 1.1, 1.2)).undecided
    assert not LatencyRatio((0.8, 0.9, 0.95)).undecided
