"""Which networks the dominance rule lets go on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.stopping.curve_model import CurveModel, level_of
from nas.search.stopping.dominance import DominanceRule
from nas.search.stopping.rule import LearningCurve

EPOCHS = 3


def finished(number: int, macs: int, final: float) -> LearningCurve:
    """A curve whose values before the end tell the final one."""
    return LearningCurve(
        number, macs, (final - 0.3, final - 0.1, final), (final - 0.2,), finished=True
    )


def begun(macs: int, final: float, epochs: int = 0) -> LearningCurve:
    return LearningCurve(99, macs, finished(0, macs, final).full[:epochs], (final - 0.2,))


MANY = [
    finished(number, 1_000_000 + 10_000 * number, 0.40 + 0.011 * (7 * number % 20))
    for number in range(20)
]
"""Finals from 0.4 to 0.609, which is that of trial 17; MACs tell nothing of them."""


def test_a_hopeless_network_is_stopped_with_its_prediction() -> None:
    verdict = DominanceRule(EPOCHS).should_stop(begun(1_200_000, 0.42), MANY)
    assert verdict.stop
    assert verdict.predicted == pytest.approx(0.42, abs=0.05)
    assert verdict.sd is not None
    assert 0 < verdict.sd < 0.1
    assert verdict.because.endswith(", and trial 17 has 0.6090 at only 1.17 M MACs")


def test_a_network_that_may_come_out_on_top_goes_on() -> None:
    rule = DominanceRule(EPOCHS)
    assert not rule.should_stop(begun(1_200_000, 0.64), MANY).stop
    assert not rule.should_stop(begun(1_200_000, 0.605), MANY).stop


def test_the_verdict_changes_where_the_optimistic_value_meets_the_rival() -> None:
    curve = begun(1_200_000, 0.42)
    prediction = CurveModel(MANY).predict(curve)
    need = (level_of(0.609) - prediction.level) / prediction.spread
    assert need > 1
    for deviations, stop in ((need - 0.01, True), (need + 0.01, False)):
        rule = DominanceRule(EPOCHS, deviations=deviations)
        assert rule.should_stop(curve, MANY).stop is stop


def test_the_luck_of_the_rival_is_taken_off() -> None:
    curve = begun(1_200_000, 0.42)
    prediction = CurveModel(MANY).predict(curve)
    need = (level_of(0.609) - prediction.level) / prediction.spread
    gap = 0.609 - prediction.optimistic(need - 0.5)
    for seed_sd, luck, stop in (
        (gap / 2, 1.99, True),
        (gap / 2, 2.01, False),
        (0.0, 2.01, True),
    ):
        noisy = [replace(item, seed_sd=seed_sd) for item in MANY]
        rule = DominanceRule(EPOCHS, deviations=need - 0.5, luck=luck)
        assert rule.should_stop(curve, noisy).stop is stop


def test_the_rival_is_the_best_once_luck_is_off() -> None:
    lucky = replace(finished(50, 500_000, 0.7), seed_sd=0.2)
    verdict = DominanceRule(EPOCHS, luck=1.0).should_stop(begun(1_200_000, 0.42), [*MANY, lucky])
    assert "trial 17 has" in verdict.because


def test_in_the_last_tenth_of_its_epochs_a_training_goes_on() -> None:
    """10 % of 20 epochs are 2, 10 % of 15 are 1.5."""
    for epochs, last in ((20, 17), (15, 13), (3, 2)):
        rule = DominanceRule(epochs)
        known = [
            LearningCurve(item.number, item.cost, (item.best,) * epochs, finished=True)
            for item in MANY
        ]
        stops = [
            epoch
            for epoch in range(1, epochs)
            if rule.should_stop(LearningCurve(99, 1_200_000, (0.42,) * epoch), known).stop
        ]
        assert stops == list(range(1, last + 1))


@given(final=st.floats(0.31, 0.95), epochs=st.integers(0, 2))
def test_a_network_cheaper_than_all_trained_is_never_stopped(final: float, epochs: int) -> None:
    assert not DominanceRule(EPOCHS).should_stop(begun(999_999, final, epochs), MANY).stop


@given(count=st.integers(0, 4), final=st.floats(0.31, 0.95), epochs=st.integers(0, 2))
def test_nothing_is_stopped_before_enough_curves(count: int, final: float, epochs: int) -> None:
    rule = DominanceRule(EPOCHS, least_curves=5, deviations=0)
    assert not rule.should_stop(begun(9_000_000, final, epochs), MANY[:count]).stop


def test_with_just_enough_curves_it_begins() -> None:
    for least, stop in ((20, True), (21, False)):
        rule = DominanceRule(EPOCHS, least_curves=least)
        assert rule.should_stop(begun(1_200_000, 0.42), MANY).stop is stop


def test_a_network_of_as_many_macs_is_a_rival() -> None:
    rule = DominanceRule(EPOCHS)
    verdict = rule.should_stop(begun(MANY[17].cost, 0.42), MANY)
    assert verdict.because.endswith("at as many MACs")
    fewer = rule.should_stop(begun(MANY[17].cost - 1, 0.42), MANY)
    assert "trial 14" in fewer.because  # 0.598, the best of those that are left


def test_what_was_stopped_is_no_rival_and_teaches_nothing() -> None:
    ghosts = [
        LearningCurve(50 + number, 500_000, item.full, item.short)
        for number, item in enumerate(MANY)
    ]
    rule = DominanceRule(EPOCHS)
    assert not rule.should_stop(begun(900_000, 0.42), [*MANY, *ghosts]).stop
    assert not rule.should_stop(begun(1_200_000, 0.42), [*MANY[:4], *ghosts]).stop


def test_curves_of_another_length_are_rivals_but_no_teachers() -> None:
    longer = [
        LearningCurve(item.number, item.cost, (0.1, *item.full), item.short, finished=True)
        for item in MANY
    ]
    curve, rule = begun(1_200_000, 0.42), DominanceRule(EPOCHS)
    for bold in (rule, DominanceRule(EPOCHS, deviations=0)):
        assert not bold.should_stop(curve, longer).stop
    top = LearningCurve(77, 100, (0.99,) * 4, finished=True)
    assert "trial 77" in rule.should_stop(curve, [*MANY, top]).because


def test_a_full_training_is_stopped_on_its_way() -> None:
    rule = DominanceRule(EPOCHS)
    for epochs in (1, 2):
        assert rule.should_stop(begun(1_200_000, 0.42, epochs), MANY).stop
        assert not rule.should_stop(begun(1_200_000, 0.63, epochs), MANY).stop
