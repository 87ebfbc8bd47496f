"""Successive halving within bands of MACs, worked out by hand."""

import pytest

from nas.search.stopping.asha import BandedHalving, band
from nas.search.stopping.rule import LearningCurve

MEGA = 2**20


def short(number: int, value: float, macs: int = MEGA) -> LearningCurve:
    """A network that ended with its short run."""
    return LearningCurve(number, macs, (), (0.0, value))


def test_bands_are_a_factor_of_two_wide() -> None:
    assert [band(macs) for macs in (0, 1, 2, 3, 4, MEGA - 1, MEGA, 2 * MEGA - 1, 2 * MEGA)] == [
        0, 0, 1, 1, 2, 19, 20, 20, 21,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "value", "goes_on"),
    [
        ((), 0.1, True),  # the first of its band: one of one
        ((0.5,), 0.4, False),  # one of two goes on: the better
        ((0.5,), 0.6, True),
        ((0.5, 0.4), 0.45, False),  # one of three
        ((0.5, 0.4, 0.3), 0.45, True),  # two of four
        ((0.5, 0.4, 0.3), 0.35, False),
        ((0.5, 0.4, 0.3), 0.4, True),  # an equal one is not better
        ((0.5, 0.4, 0.3, 0.2, 0.1), 0.45, True),  # two of six
        ((0.5, 0.45, 0.3, 0.2, 0.1), 0.4, False),
    ],
)
def test_a_third_of_a_band_goes_on_after_the_short_run(
    earlier: tuple[float, ...], value: float, goes_on: bool
) -> None:
    others = [short(number, item) for number, item in enumerate(earlier)]
    verdict = BandedHalving(9).should_stop(short(9, value), others)
    assert verdict.stop is not goes_on
    assert (verdict.predicted is None) is goes_on


def test_other_bands_do_not_count() -> None:
    others = [short(number, 0.9, macs=2 * MEGA) for number in range(5)]
    assert not BandedHalving(9).should_stop(short(9, 0.1), others).stop
    assert BandedHalving(9).should_stop(short(9, 0.1, macs=3 * MEGA), others).stop


def test_rungs_of_the_full_training() -> None:
    better = [LearningCurve(n, MEGA, (0.5,) * 18, (0.5,), finished=True) for n in range(6)]
    rule = BandedHalving(18)
    stops = [
        epoch
        for epoch in range(18)
        if rule.should_stop(LearningCurve(9, MEGA, (0.1,) * epoch, (0.1,)), better).stop
    ]
    assert stops == [0, 6]
    bare = [LearningCurve(n, MEGA, item.full, finished=True) for n, item in enumerate(better)]
    stops = [
        epoch
        for epoch in range(1, 18)
        if rule.should_stop(LearningCurve(9, MEGA, (0.1,) * epoch), bare).stop
    ]
    assert stops == [2, 6]


def test_what_was_stopped_at_an_earlier_rung_is_not_at_the_later_one() -> None:
    others = [short(number, 0.9) for number in range(5)]
    full = LearningCurve(9, MEGA, (0.1,) * 6, (0.0, 0.9))
    assert not BandedHalving(18).should_stop(full, others).stop


def test_a_later_epoch_can_not_save_a_rung() -> None:
    others = [LearningCurve(n, MEGA, (0.3, 0.3, 0.9), (0.3,), finished=True) for n in range(2)]
    curve = LearningCurve(9, MEGA, (0.4,), (0.4,))
    assert not BandedHalving(3).should_stop(curve, others).stop


def test_the_verdict_says_why() -> None:
    others = [short(number, value) for number, value in enumerate((0.5, 0.4, 0.3))]
    verdict = BandedHalving(9).should_stop(short(9, 0.2), others)
    assert verdict.because == ("3 of 3 networks of like MACs were better then, and 2 of 4 go on")
    assert verdict.predicted == pytest.approx(0.2)  # nothing is known of gains yet
    assert verdict.sd is not None
    assert verdict.sd > 0.3
