"""The journal survives kills, and is Optuna's own format."""

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nas.errors import NasError
from nas.search.journal import STUDY_NAME, JournalStore, open_study
from nas.search.store import open_store
from nas.search.trials import Candidate, note_candidate, note_outcome, records_of

CANDIDATE = Candidate("layers: []", "0123456789abcdef", 1_000, 20)


def add_trial(study: optuna.Study, metric: float) -> None:
    trial = study.ask()
    trial.suggest_int("width", 1, 9)
    note_candidate(trial, CANDIDATE, -0.5)
    note_outcome(trial, "trained", history=[metric])
    study.tell(trial, [1_000, metric])


@pytest.mark.parametrize("kept", [1, 30, 0.5, -1])
def test_unfinished_line_is_cut_off(tmp_path: Path, kept: float) -> None:
    journal = tmp_path / "study.log"
    study = open_study(journal)
    add_trial(study, 0.5)
    whole = journal.read_bytes()
    add_trial(study, 0.7)
    line = journal.read_bytes()[len(whole) :].splitlines(keepends=True)[0]
    size = int(len(line) * kept) if isinstance(kept, float) else kept % len(line)
    journal.write_bytes(whole + line[:size])

    again = open_study(journal)
    assert [item.metric for item in records_of(again)] == [0.5]
    assert journal.read_bytes().startswith(whole)
    add_trial(again, 0.6)
    assert [item.metric for item in records_of(open_study(journal))] == [0.5, 0.6]
    assert all(json.loads(row) for row in journal.read_text().splitlines())


def test_a_writer_cuts_what_was_torn_since_it_opened_the_file(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    study = open_study(journal)
    with journal.open("ab") as stream:
        stream.write(b'{"op_code":4,"torn' * 9_000)
    add_trial(study, 0.5)
    assert [item.metric for item in records_of(open_study(journal))] == [0.5]


def test_what_is_no_json_is_not_written(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    study = open_study(journal)
    trial = study.ask()
    before = journal.read_bytes()
    with pytest.raises(ValueError, match=r"not JSON compliant.*'seconds': inf"):
        trial.set_user_attr("seconds", float("inf"))
    assert journal.read_bytes() == before
    assert len(open_study(journal).trials) == 1


def test_first_line_torn(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    journal.write_bytes(b'{"op_code":0,"work')
    add_trial(open_study(journal), 0.5)
    assert len(records_of(open_study(journal))) == 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_lock_ends_with_its_holder(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    study = open_study(journal)
    child = os.fork()
    if child == 0:
        fcntl.flock(os.open(journal, os.O_RDWR), fcntl.LOCK_EX)
        os._exit(9)  # killed with the lock held
    os.waitpid(child, 0)
    (tmp_path / "study.log.lock").touch()  # what a killed writer with Optuna's own lock leaves
    add_trial(study, 0.5)
    assert len(records_of(study)) == 1


def test_plain_optuna_reads_it(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    study = open_study(journal)
    add_trial(study, 0.5)
    over = study.ask()
    note_candidate(over, CANDIDATE, 0.25)
    note_outcome(over, "over_budget")
    study.tell(over, [1_000, 0.0])

    storage = JournalStorage(JournalFileBackend(str(journal)))
    plain = optuna.load_study(study_name=STUDY_NAME, storage=storage)
    assert [item.name for item in plain.directions] == ["MINIMIZE", "MAXIMIZE"]
    within, outside = plain.get_trials()
    assert within.state == outside.state == TrialState.COMPLETE
    assert within.constraints == {"budget": -0.5}
    assert outside.constraints == {"budget": 0.25}
    assert within.values == [1_000, 0.5]
    assert within.user_attrs["architecture_hash"] == "0123456789abcdef"
    assert within.user_attrs["macs"] == 1_000
    assert [item.number for item in plain.best_trials] == [0]


@pytest.mark.parametrize(
    "content", [b"no journal\nat all\n", b"{}\n{}\n", b"[1]\n", b"\x00\xff\n\n"]
)
def test_damaged_journal_is_the_users_to_mend(tmp_path: Path, content: bytes) -> None:
    journal = tmp_path / "study.log"
    journal.write_bytes(content)
    with pytest.raises(NasError, match="damaged"):
        open_study(journal)


def with_lines(journal: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    change(lines)
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))


def line_of(journal: Path, word: str) -> int:
    """Number of the first line with the word, from 1."""
    lines = journal.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if word in line)


@pytest.mark.parametrize(
    ("word", "change", "problem"),
    [
        ('"macs"', {"user_attr": {"macs": "many"}}, "macs 'many' is not allowed"),
        ('"macs"', {"user_attr": {"macs": True}}, "macs .* is not allowed"),
        ('"macs"', {"user_attr": ["macs"]}, "one name with its value"),
        ('"history"', {"user_attr": {"history": [0.5, "x"]}}, "history 'x' is not allowed"),
        ('"outcome"', {"user_attr": {"outcome": 3}}, "outcome 3 is not allowed"),
        ('"values":[1', {"values": ["a", 0.5]}, "finite numbers in a list"),
        ('"values":[1', {"values": [1, float("nan")]}, "finite numbers in a list"),
        ('"values":[1', {"trial_id": 7}, "names trial 7, which no line before it began"),
        ('"values":[1', {"state": "done"}, "done"),
        ('"values":[1', {"op_code": 99}, "op_code 99 is none"),
        ('"values":[1', {"op_code": "6"}, "no operation of a journal"),
        ('"width"', {"distribution": "{}"}, "KeyError"),
        ('"width"', {"param_value_internal": None}, "TypeError"),
        ('"study_name"', {"directions": 5}, "TypeError"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(
    tmp_path: Path, word: str, change: dict[str, Any], problem: str
) -> None:
    journal = tmp_path / "study.log"
    add_trial(open_study(journal), 0.5)
    number = line_of(journal, word)
    with_lines(journal, lambda lines: lines[number - 1].update(change))
    with pytest.raises(NasError, match=problem) as caught:
        open_study(journal)
    assert (caught.value.file, caught.value.line) == (str(journal), number)


def test_the_last_line_is_read_too(tmp_path: Path) -> None:
    """Optuna's own reader leaves out a last line that is none."""
    journal = tmp_path / "study.log"
    add_trial(open_study(journal), 0.5)
    count = len(journal.read_text().splitlines())
    with journal.open("a") as stream:
        stream.write("{broken\n")
    with pytest.raises(NasError, match="not JSON") as caught:
        open_study(journal)
    assert caught.value.line == count + 1


def test_a_journal_that_is_emptied_while_it_is_written_is_not_begun_anew(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    study = open_study(journal)
    add_trial(study, 0.5)
    journal.write_text("")
    with pytest.raises(NasError, match="lost lines while the search ran"):
        study.ask()
    assert journal.read_text() == ""


def test_only_the_end_of_a_trial_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(tmp_path / "study.log")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(handle))
    trial = study.ask()
    trial.suggest_int("width", 1, 9)
    note_candidate(trial, CANDIDATE, -0.5)
    begun = len(synced)
    study.tell(trial, [1_000, 0.5])
    assert begun <= 1
    assert len(synced) == begun + 1


def test_dead_trials_fail_for_a_reason_if_they_were_in_training(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.log")
    training, other, drawing = study.ask(), study.ask(), study.ask()
    for trial, pid in ((training, 5), (other, 6)):
        trial.set_user_attr("worker", pid)
        note_candidate(trial, CANDIDATE, -0.5)
    ended = JournalStore(tmp_path).give_back(study, worker=5, reason="signal 9")
    assert [item.number for item in ended] == [training.number, drawing.number]
    states = {item.number: (item.state, item.reason) for item in records_of(study)}
    assert states == {training.number: ("failed", "signal 9"), other.number: ("running", None)}


def test_workers_live_together_and_nobody_else_meanwhile(tmp_path: Path) -> None:
    one, other, lock = JournalStore(tmp_path, 1), JournalStore(tmp_path, 2), tmp_path / ".workers"
    with one.alive(), other.alive(), lock.open("a") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with one.alone(), lock.open("a") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_who_holds_a_trial_is_written_in_its_name(tmp_path: Path) -> None:
    one, other = JournalStore(tmp_path, 1), JournalStore(tmp_path, 2)
    study = one.search(("minimize", "maximize"))
    mine, theirs = one.take(study), other.take(other.search(("minimize", "maximize")))
    assert [item.number for item in one.give_back(study, worker=2)] == [theirs.number]
    assert [item.number for item in other.give_back(study)] == [mine.number]
    assert JournalStore(tmp_path).give_back(study) == []


def test_making_a_store_writes_nothing(tmp_path: Path) -> None:
    store = open_store("journal", tmp_path)
    assert not store.begun()
    assert not store.finals_begun()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NasError, match="no storage 'jurnal'; did you mean 'journal'"):
        open_store("jurnal", tmp_path)
