"""The folder of a run: whole files, locks, the table of trials."""

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import NasError
from nas.runs import (
    TRIAL_COLUMNS,
    TrialRecord,
    append_log,
    atomic_write_bytes,
    atomic_write_text,
    environment,
    exclusive,
    locked_run,
    new_run_folder,
    read_trials_csv,
    shared,
    write_trials_csv,
)


class Killed(BaseException):
    """Stands for the moment at which the process ends."""


@pytest.mark.parametrize("moment", ["fsync", "chmod", "replace"])
def test_kill_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "best.yaml"
    atomic_write_text(path, "old")

    def killed(*arguments: Any) -> None:
        raise Killed

    monkeypatch.setattr(os, moment, killed)
    with pytest.raises(Killed):
        atomic_write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["best.yaml"]


def test_content_is_on_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    atomic_write_bytes(tmp_path / "a" / "b", b"\x00\xff")
    assert order == ["fsync", "replace"]
    assert (tmp_path / "a" / "b").read_bytes() == b"\x00\xff"


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write_text(tmp_path / "x", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


NUMBERS = st.none() | st.integers(0, 10**12)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)
RECORDS = st.builds(
    TrialRecord,
    number=st.integers(0, 9_999),
    state=st.sampled_from(["trained", "duplicate", "over_budget", "failed", "running"]),
    macs=NUMBERS,
    parameters=NUMBERS,
    macro_f1=st.none() | st.floats(0, 1),
    architecture_hash=st.none() | st.text("0123456789abcdef", min_size=16, max_size=16),
    seconds=st.none() | st.floats(0, 1e6),
    reason=st.none() | TEXTS,
)


@given(st.lists(RECORDS, max_size=5))
def test_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, records: list[TrialRecord]
) -> None:
    path = tmp_path_factory.mktemp("table") / "trials.csv"
    write_trials_csv(path, records)
    assert read_trials_csv(path) == tuple(records)


@pytest.mark.parametrize("reason", ["one, two", 'a "quote"', "two\nlines", "é", "=1+1"])
def test_reasons_of_any_form(tmp_path: Path, reason: str) -> None:
    write_trials_csv(tmp_path / "t.csv", [TrialRecord(0, "failed", reason=reason)])
    assert read_trials_csv(tmp_path / "t.csv")[0].reason == reason


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n1,2\n", "no column number"),
        (f"{','.join(TRIAL_COLUMNS)}\nx,trained,,,,,,\n", "unreadable row"),
        (f"{','.join(TRIAL_COLUMNS)}\n1,lost,,,,,,\n", "no state 'lost'"),
        (f"{','.join(TRIAL_COLUMNS)}\n1\n", "unreadable row|no state"),
        ("\xff", "no column"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "trials.csv").write_text(content)
    with pytest.raises(NasError, match=problem):
        read_trials_csv(tmp_path / "trials.csv")
    with pytest.raises(NasError, match="can't read"):
        read_trials_csv(tmp_path / "none.csv")


def test_folders_are_numbered(tmp_path: Path) -> None:
    names = [new_run_folder(None, "tiny", tmp_path / "runs").name for _ in range(3)]
    assert names == ["tiny", "tiny-2", "tiny-3"]


def test_racing_processes_get_folders_of_their_own(tmp_path: Path) -> None:
    got: list[Path] = []
    threads = [
        threading.Thread(target=lambda: got.append(new_run_folder(None, "tiny", tmp_path)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 12


def test_named_folder_must_be_empty(tmp_path: Path) -> None:
    assert new_run_folder(tmp_path / "a" / "b", "x") == tmp_path / "a" / "b"
    assert new_run_folder(tmp_path / "a" / "b", "x").is_dir(), "an empty one is taken"
    with pytest.raises(NasError, match="exists already"):
        new_run_folder(tmp_path / "a", "x")
    (tmp_path / "file").touch()
    with pytest.raises(NasError, match="exists already"):
        new_run_folder(tmp_path / "file", "x")
    with pytest.raises(NasError, match="can't"):
        new_run_folder(tmp_path / "file" / "below", "x")


def test_one_process_a_folder(tmp_path: Path) -> None:
    refused = pytest.raises(NasError, match="another process")
    with locked_run(tmp_path), refused, locked_run(tmp_path):
        pass
    with locked_run(tmp_path):
        pass


def test_shared_lock_keeps_out_the_exclusive_one(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with shared(lock), shared(lock), lock.open("a") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with exclusive(lock), lock.open("a") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_log_has_a_line_an_entry(tmp_path: Path) -> None:
    append_log(tmp_path, "one\n")
    append_log(tmp_path, "two \udcff")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line[20:] for line in lines] == ["one", "two ?"]


def test_environment_outside_of_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    facts = environment()
    assert facts["commit"] == "unknown"
    assert facts["torch"] != "not installed"
    assert all(isinstance(value, str) for value in facts.values())
