"""The table of trials."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.runs.records import TrialRecord, write_trials_csv
from tests.runs.trials_csv import read_trials_csv

METRIC = "macro_f1"
NUMBERS = st.none() | st.integers(0, 10**12)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)
RECORDS = st.builds(
    TrialRecord,
    number=st.integers(0, 9_999),
    state=st.sampled_from(["trained", "stopped", "duplicate", "over_budget", "failed", "running"]),
    costs=st.fixed_dictionaries(
        {},
        optional={
            "macs": st.integers(0, 10**12),
            "parameters": st.integers(0, 10**12),
            "latency_ms": st.floats(0, 1e6),
        },
    ),
    metric=st.none() | st.floats(0, 1),
    architecture_hash=st.none() | st.text("0123456789abcdef", min_size=16, max_size=16),
    seconds=st.none() | st.floats(0, 1e6),
    reason=st.none() | TEXTS,
    predicted=st.none() | st.floats(0, 1),
    epochs=NUMBERS,
)


@given(st.lists(RECORDS, max_size=5))
def test_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, records: list[TrialRecord]
) -> None:
    path = tmp_path_factory.mktemp("table") / "trials.csv"
    write_trials_csv(path, records, METRIC, ["latency_ms"])
    assert read_trials_csv(path, METRIC, ["latency_ms"]) == tuple(records)


def test_further_costs_are_further_columns(tmp_path: Path) -> None:
    records = [TrialRecord(0, "trained", {"macs": 5, "latency_ms": 0.25}), TrialRecord(1, "failed")]
    write_trials_csv(tmp_path / "t.csv", records, METRIC, ["latency_ms", "joules"])
    assert (tmp_path / "t.csv").read_text() == (
        "number,state,macs,parameters,macro_f1,architecture_hash,seconds,reason,"
        "predicted_macro_f1,epochs,latency_ms,joules\n"
        "0,trained,5,,,,,,,,0.25,\n1,failed,,,,,,,,,,\n"
    )


def test_columns_of_a_stopped_trial(tmp_path: Path) -> None:
    stopped = TrialRecord(
        3,
        "stopped",
        {"macs": 5, "parameters": 2},
        None,
        "h",
        1.5,
        "hopeless",
        predicted=0.25,
        epochs=3,
    )
    write_trials_csv(tmp_path / "t.csv", [stopped], METRIC)
    assert (tmp_path / "t.csv").read_text() == (
        "number,state,macs,parameters,macro_f1,architecture_hash,seconds,reason,"
        "predicted_macro_f1,epochs\n3,stopped,5,2,,h,1.5,hopeless,0.25,3\n"
    )


@pytest.mark.parametrize("reason", ["one, two", 'a "quote"', "two\nlines", "é", "=1+1"])
def test_reasons_of_any_form(tmp_path: Path, reason: str) -> None:
    write_trials_csv(tmp_path / "t.csv", [TrialRecord(0, "failed", reason=reason)], METRIC)
    assert read_trials_csv(tmp_path / "t.csv", METRIC)[0].reason == reason
