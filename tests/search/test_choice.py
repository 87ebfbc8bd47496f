"""The front against its definition, knee and score against cases worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.runs.records import TrialRecord
from nas.search.choice import as_measured, choose, knee, pareto_front
from nas.search.objective import Objectives
from nas.spec.budget import BudgetSpec

FREE = BudgetSpec()
OBJECTIVES = Objectives("macro_f1")


def record(number: int, macs: int, metric: float, state: str = "trained") -> TrialRecord:
    return TrialRecord(
        number, state, {"macs": macs, "parameters": 10}, metric, "h", accuracy=metric
    )


def beats(a: TrialRecord, b: TrialRecord) -> bool:
    assert a.macs is not None
    assert b.macs is not None
    assert a.metric is not None
    assert b.metric is not None
    as_good = a.macs <= b.macs and a.metric >= b.metric
    return as_good and (a.macs < b.macs or a.metric > b.metric)


POINTS = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), max_size=12
)


@given(POINTS)
def test_front_is_what_no_other_beats(points: list[tuple[int, float]]) -> None:
    records = [record(number, macs, metric) for number, (macs, metric) in enumerate(points)]
    unbeaten = {
        (item.macs, item.metric)
        for item in records
        if not any(beats(other, item) for other in records)
    }
    front = pareto_front(records)
    assert {(item.macs, item.metric) for item in front} == unbeaten
    assert len(front) == len(unbeaten)
    assert [item.macs for item in front] == sorted(item.macs or 0 for item in front)
    for member in front:
        equals = [
            item for item in records if (item.macs, item.metric) == (member.macs, member.metric)
        ]
        assert member.number == equals[0].number


def test_front_holds_only_what_was_trained() -> None:
    states = ("over_budget", "duplicate", "failed", "running")
    others = [record(number, 1, 0.99, state) for number, state in enumerate(states)]
    assert [item.number for item in pareto_front([*others, record(7, 5, 0.1)])] == [7]
    assert pareto_front(others) == ()


def test_knee_is_farthest_above_the_line() -> None:
    # log10 of the MACs: 1, 2, 3, 4; of the way: 0, 1/3, 2/3, 1. Gains of the way: 0, 0.5, 0.9, 1.
    # Above the line: 0, 0.167, 0.233, 0.
    front = [
        record(0, 10, 0.1),
        record(1, 100, 0.5),
        record(2, 1_000, 0.82),
        record(3, 10_000, 0.9),
    ]
    assert knee(front).number == 2
    # Above the line now: 0, 0.367, 0.233, 0. On plain MACs, without log, trial 2 would still win.
    bent = [
        record(0, 10, 0.1),
        record(1, 100, 0.66),
        record(2, 1_000, 0.82),
        record(3, 10_000, 0.9),
    ]
    assert knee(bent).number == 1


def test_knee_of_few() -> None:
    assert knee([record(4, 10, 0.3)]).number == 4
    assert knee([record(4, 10, 0.3), record(5, 20, 0.4)]).number == 5, "of equals the better metric"


def test_nothing_to_choose_from() -> None:
    assert choose((), {}, FREE, None, objectives=OBJECTIVES) is None


def test_lowest_score_wins() -> None:
    front = [
        record(0, 1_862_490, 0.4892),
        record(1, 1_862_490 * 2, 0.8342),
        record(2, 20_000_000, 0.9),
    ]
    # By hand: 0.1343 + 1 = 1.1343; 0.2687 + 0 = 0.2687; 1.4426 + 0.5 (1 - 0.9 / 0.8342) = 1.4032.
    choice = choose(front, as_measured(front), FREE, "pstage4", objectives=OBJECTIVES)
    assert choice is not None
    assert choice.number == 1
    assert "0.2687" in choice.because
    only = choose(front[:1], as_measured(front), FREE, "pstage4", objectives=OBJECTIVES)
    assert only is not None
    assert "1.1343" in only.because


def test_floor_leaves_those_that_reach_it() -> None:
    front = [record(0, 10, 0.3), record(1, 100, 0.6), record(2, 1_000, 0.7)]
    least = choose(
        front, as_measured(front), BudgetSpec(min_metric=0.6), "macs", objectives=OBJECTIVES
    )
    assert least is not None
    assert least.number == 1
    nearest = choose(
        front, as_measured(front), BudgetSpec(min_metric=0.9), "macs", objectives=OBJECTIVES
    )
    assert nearest is not None
    assert nearest.number == 2
    assert "none surely reaches" in nearest.because


@pytest.mark.parametrize("score", ["log(macro_f1)", "1 / metric", "accuracy - accuracy + 1 / 0"])
def test_a_score_without_a_value_never_ends_a_search(score: str) -> None:
    front = [record(0, 10, 0.0), record(1, 100, 0.6)]
    choice = choose(front, as_measured(front), FREE, score, objectives=OBJECTIVES)
    assert choice is not None
    if "1 / 0" in score:
        assert "has no value" in choice.because
    assert choice.number == 1
