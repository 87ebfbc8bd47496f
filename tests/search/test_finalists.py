"""Which networks are trained again, against cases where it is plain."""

from typing import Any

import pytest

from nas.runs.records import FinalRecord, TrialRecord
from nas.search.estimates import Posterior
from nas.search.finalists import Final, FinalPlan, FinalShare, next_final, posterior_front
from nas.search.objective import Objectives
from nas.search.results import judge
from nas.search.settings import SearchSettings
from nas.spec.budget import BudgetSpec
from nas.spec.search import SearchSpec
from nas.spec.training import TrainingSpec

OBJECTIVES = Objectives("macro_f1")
SAMPLE_SD = 0.02


def record(number: int, macs: int, value: float) -> TrialRecord:
    return TrialRecord(
        number,
        "trained",
        {"macs": macs, "parameters": 10},
        value,
        f"h{number}",
        validation_sd=SAMPLE_SD,
    )


def settings_of(
    *, score: str | None = None, floor: float | None = None, **search: Any
) -> SearchSettings:
    return SearchSettings(
        search=SearchSpec(**search),
        training=TrainingSpec(epochs=5, seed=7),
        score=score,
        budget=BudgetSpec(min_metric=floor),
    )


def as_measured(records: list[TrialRecord], sd: float = 0.01) -> Posterior:
    """A model that believes every measurement."""
    return Posterior({item.number: (item.metric or 0.0, sd) for item in records}, 0.01)


def trained(final: Final, value: float | None, state: str = "trained") -> FinalRecord:
    return FinalRecord(
        final.trial, final.seed, state, 10, value, SAMPLE_SD,
        epochs=final.epochs, found_among=final.found_among,
    )  # fmt: skip


def run_all(
    records: list[TrialRecord], settings: SearchSettings, truth: dict[int, float]
) -> list[FinalRecord]:
    """All trainings that are asked for, each as good as the network truly is."""
    finals: list[FinalRecord] = []
    while (
        final := next_final(records, as_measured(records), finals, settings, objectives=OBJECTIVES)
    ) is not None:
        finals.append(trained(final, truth[final.trial]))
    return finals


LINE = [record(number, 1_000_000 * (number + 1), 0.48 + 0.02 * number) for number in range(8)]
"""Trial n has n + 1 M MACs and a macro-F1 of 0.48 + 0.02 n."""


def test_a_lucky_measurement_makes_no_member_of_the_front() -> None:
    records = [record(0, 10, 0.50), record(1, 20, 0.60), record(2, 30, 0.58)]
    beliefs = {0: (0.50, 0.01), 1: (0.49, 0.01), 2: (0.58, 0.01)}
    front = posterior_front(records, Posterior(beliefs, 0.01))
    assert [(item.number, item.metric) for item in front] == [(0, 0.50), (2, 0.58)]


def test_the_score_decides_who_is_trained_again() -> None:
    # With deviations of 0.02, 0.52 falls below 0.5 too often, and 0.56 costs more than it saves.
    first = next_final(
        LINE, as_measured(LINE), [], settings_of(score="pstage4"), objectives=OBJECTIVES
    )
    assert first == Final(3, 8, 5, "h3", 8)
    dearest = next_final(
        LINE, as_measured(LINE), [], settings_of(score="most_accurate"), objectives=OBJECTIVES
    )
    assert dearest is not None
    assert dearest.trial == 7


def test_the_floor_decides_who_is_trained_again() -> None:
    first = next_final(
        LINE, as_measured(LINE), [], settings_of(score="macs", floor=0.55), objectives=OBJECTIVES
    )
    assert first is not None
    assert first.trial == 6, "0.56 and 0.58 are above the floor, but not surely"


def test_without_score_the_knee_and_its_neighbours() -> None:
    # The knee by log-MACs: a gain up to 4 M, next to none behind.
    values = (0.20, 0.40, 0.58, 0.74, 0.75, 0.76, 0.77)
    records = [record(number, 2**number * 1_000_000, value) for number, value in enumerate(values)]
    finals = run_all(records, settings_of(), dict(enumerate(values)))
    assert finals[0].trial == 3
    assert {item.trial for item in finals} == {2, 3, 4}


def test_a_finalist_that_disappoints_leads_to_a_safer_one() -> None:
    truth = {item.number: item.metric or 0.0 for item in LINE} | {2: 0.49, 3: 0.49}
    settings = settings_of(score="pstage4")
    finals = run_all(LINE, settings, truth)
    assert [item.trial for item in finals[:3]] == [3, 4, 4], "left after one bad seed"
    choice = judge(LINE, as_measured(LINE), finals, settings, objectives=OBJECTIVES).choice
    assert choice is not None
    assert choice.number == 4


@pytest.mark.parametrize(("finalists", "seeds"), [(0, 2), (1, 3), (3, 2), (20, 1)])
def test_number_of_trainings(finalists: int, seeds: int) -> None:
    settings = settings_of(finalists=finalists, final_seeds=seeds, final_epochs=9)
    finals = run_all(LINE, settings, {item.number: item.metric or 0.0 for item in LINE})
    networks = {item.trial for item in finals}
    assert len(networks) == min(finalists, len(LINE))
    assert len(finals) == len({(item.trial, item.seed) for item in finals}) == len(networks) * seeds
    assert {item.seed for item in finals} <= set(range(8, 8 + seeds)), "never the search's own 7"
    assert {item.epochs for item in finals} <= {9}


def test_what_runs_or_failed_is_not_begun_again() -> None:
    settings = settings_of(finalists=1)
    first = next_final(LINE, as_measured(LINE), [], settings, objectives=OBJECTIVES)
    assert first is not None
    begun = [trained(first, None, "running")]
    second = next_final(LINE, as_measured(LINE), begun, settings, objectives=OBJECTIVES)
    assert second is not None
    assert (second.trial, second.seed) == (first.trial, first.seed + 1)
    begun = [trained(first, None, "failed"), trained(second, None, "running")]
    assert next_final(LINE, as_measured(LINE), begun, settings, objectives=OBJECTIVES) is None


def test_a_search_that_found_better_networks_has_new_finalists() -> None:
    settings = settings_of(score="pstage4")
    finals = run_all(LINE, settings, {item.number: item.metric or 0.0 for item in LINE})
    assert next_final(LINE, as_measured(LINE), finals, settings, objectives=OBJECTIVES) is None
    more = [*LINE, record(8, 500_000, 0.6)]
    new = next_final(more, as_measured(more), finals, settings, objectives=OBJECTIVES)
    assert new is not None
    assert new.trial == 8
    while new is not None:
        finals.append(trained(new, 0.6))
        new = next_final(more, as_measured(more), finals, settings, objectives=OBJECTIVES)
    assert 4 <= len({item.trial for item in finals}) <= 6


def test_a_search_that_went_on_for_nothing_has_no_new_finalists() -> None:
    """Neither further networks off the front nor stopped ones make another round."""
    settings = settings_of(score="pstage4")
    finals = run_all(LINE, settings, {item.number: item.metric or 0.0 for item in LINE})
    assert len({item.trial for item in finals}) == 3
    stopped = TrialRecord(8, "stopped", {"macs": 10, "parameters": 10}, None, "h8", predicted=0.9)
    posterior = as_measured(LINE)
    with_stopped = Posterior({**posterior.beliefs, 8: (0.9, 0.1)}, 0.01)
    assert (
        next_final([*LINE, stopped], with_stopped, finals, settings, objectives=OBJECTIVES) is None
    )
    more = [*LINE, stopped, record(9, 8_500_000, 0.5)]
    assert next_final(more, as_measured(more), finals, settings, objectives=OBJECTIVES) is None
    # What the first round left undone goes on in the places that it has.
    begun = finals[:3]
    further = next_final(more, as_measured(more), begun, settings, objectives=OBJECTIVES)
    assert further is not None
    assert further.found_among == 8


def test_trainings_of_another_length_do_not_count() -> None:
    before = settings_of(finalists=1)
    finals = run_all(LINE, before, {item.number: 0.9 for item in LINE})
    after = settings_of(finalists=1, final_epochs=50)
    again = next_final(LINE, as_measured(LINE), finals, after, objectives=OBJECTIVES)
    assert again is not None
    assert again.epochs == 50
    assert (
        judge(LINE, as_measured(LINE), finals, after, objectives=OBJECTIVES).certainty.finals == ()
    )


def test_nothing_trained_has_no_finalists() -> None:
    failed = [TrialRecord(0, "failed")]
    assert next_final(failed, Posterior({}, 0.0), [], settings_of(), objectives=OBJECTIVES) is None
    assert (
        judge(failed, Posterior({}, 0.0), [], settings_of(), objectives=OBJECTIVES).choice is None
    )


def test_the_floor_must_be_met_by_the_lower_bound() -> None:
    settings = settings_of(score="macs", floor=0.55)
    truth = {item.number: item.metric or 0.0 for item in LINE}
    finals = run_all(LINE, settings, truth)
    verdict = judge(LINE, as_measured(LINE), finals, settings, objectives=OBJECTIVES)
    assert verdict.choice is not None
    assert "of those that surely reach" in verdict.choice.because
    estimates = verdict.certainty.estimates
    assert estimates[verdict.choice.number].lower >= 0.55
    assert verdict.choice.number == 6
    high = settings_of(score="macs", floor=0.99)
    none = judge(LINE, as_measured(LINE), finals, high, objectives=OBJECTIVES).choice
    assert none is not None
    assert "none surely reaches the macro-F1 of 0.99" in none.because
    repeated = {item.trial for item in finals}
    assert none.number == max(repeated, key=lambda number: estimates[number].lower)


def test_share_of_the_time() -> None:
    plan = FinalPlan(finalists=3, seeds=(1, 2), epochs=10)
    share = FinalShare(plan, epochs=5, workers=4, limit_s=1_000)
    assert share.seconds([]) == 0
    # Six trainings by four workers are two rounds, of twice the epochs of the search's 10 s.
    records = [TrialRecord(0, "trained", seconds=8.0), TrialRecord(1, "trained", seconds=12.0)]
    stopped = TrialRecord(2, "stopped", seconds=1.0)
    assert share.seconds([*records, stopped]) == 40
    long = [TrialRecord(0, "trained", seconds=500.0)]
    assert share.seconds(long) == pytest.approx(1_000 / 3)
    off = FinalShare(FinalPlan(0, (1, 2), 5), 5, 4, 1_000)
    assert off.seconds(records) == 0
