"""Locks between processes."""

import fcntl
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.runs.folder import exclusive, locked_run


def test_one_process_a_folder(tmp_path: Path) -> None:
    refused = pytest.raises(NasError, match="another process")
    with locked_run(tmp_path), refused, locked_run(tmp_path):
        pass
    with locked_run(tmp_path):
        pass


def test_exclusive_lock_keeps_others_out(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock), lock.open("a") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
