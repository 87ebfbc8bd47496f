"""What counts as measured, and when: from the script's lines and from our journal."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from benchmarks.wall_clock.measured import read_ours, read_plain
from nas.search.journal import open_study

START = 1_000_000.0


def line(number: int, after_s: float, macs: int, macro_f1: float | None, hash_: str) -> str:
    epochs = 0 if macro_f1 is None else 15
    return json.dumps(
        {
            "number": number,
            "state": "over_budget" if macro_f1 is None else "trained",
            "ended_at": START + after_s,
            "macs": macs,
            "macro_f1": macro_f1,
            "epochs": epochs,
            "architecture_hash": hash_,
            "architecture": "",
        }
    )


def test_the_scripts_lines_count_up_to_the_moment_and_to_the_last_whole_line(
    tmp_path: Path,
) -> None:
    lines = [
        line(0, 10, 500, 0.5, "a"),
        line(1, 11, 9_000, None, "b"),
        line(2, 20, 500, 0.6, "a"),
        line(3, 30, 700, 0.7, "c"),
    ]
    (tmp_path / "trials.jsonl").write_text("\n".join(lines) + "\n" + lines[0][:20])
    found = read_plain(tmp_path, START, 29.0)
    assert [(item.at_s, item.macs, item.macro_f1) for item in found.measured] == [
        (10.0, 500, 0.5),
        (20.0, 500, 0.6),
    ]
    assert (found.refused, found.epochs, found.repeats) == (1, 30, 1)
    assert len(read_plain(tmp_path, START, 30.0).measured) == 3


def test_a_search_that_wrote_nothing_measured_nothing(tmp_path: Path) -> None:
    assert read_plain(tmp_path, START, 60.0).measured == ()
    assert read_ours(tmp_path, START, 60.0).measured == ()
    assert not (tmp_path / "study.log").exists()


def end(study: optuna.Study, values: list[float] | None, **attributes: Any) -> None:
    trial = study.ask()
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    state = optuna.trial.TrialState.FAIL if values is None else None
    study.tell(trial, values, state=state)


def test_only_networks_that_our_search_trained_to_the_end_are_measured(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.log")
    known = {"architecture": "layers: []", "architecture_hash": "a"}
    end(study, [500, 0.5], outcome="trained", macs=500, history=[0.4, 0.5], epochs=5, **known)
    end(study, [700, 0.9], outcome="stopped", macs=700, epochs=4, predicted=0.9, **known)
    end(study, [500, 0.5], outcome="duplicate", macs=500, **known)
    end(study, [9_000, 0.0], outcome="over_budget", macs=9_000, **known)
    end(study, None, outcome="failed", macs=600, epochs=1, **known)
    study.ask()
    end(study, [800, 0.6], outcome="trained", macs=800, epochs=6, **known)
    ended = [trial.datetime_complete for trial in study.get_trials() if trial.datetime_complete]
    start = ended[0].timestamp() - 10.0
    found = read_ours(tmp_path, start, 60.0)
    assert [(item.macs, item.macro_f1) for item in found.measured] == [(500, 0.5), (800, 0.6)]
    assert found.measured[0].at_s == pytest.approx(10.0)
    assert (found.stopped, found.refused, found.epochs) == (1, 1, 5 + 4 + 1 + 6)
    assert read_ours(tmp_path, start, 9.0).measured == ()
