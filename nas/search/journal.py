"""The journal of a study: Optuna's log file, made to survive a kill at any moment."""

import fcntl
import os
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

STUDY_NAME = "search"


class KernelLock(JournalFileOpenLock):
    """A lock that the kernel lets go of when its holder dies; Optuna's own would hold others up for 30 s.

    A line that a killed writer left unfinished would spoil the line behind it, so it is cut off by the
    next holder.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal
        self._held: int | None = None

    def acquire(self) -> bool:
        handle = os.open(self._journal, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        _cut_unfinished_line(handle)
        self._held = handle
        return True

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _cut_unfinished_line(handle: int) -> None:
    end = os.fstat(handle).st_size
    if end == 0 or os.pread(handle, 1, end - 1) == b"\n":
        return
    position = end
    while position > 0:
        start = max(0, position - 65_536)
        newline = os.pread(handle, position - start, start).rfind(b"\n")
        if newline >= 0:
            os.ftruncate(handle, start + newline + 1)
            return
        position = start
    os.ftruncate(handle, 0)


def open_study(journal: Path, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
    """The study in a journal, begun if it is not there: MACs are minimised, the first metric maximised."""
    lock = KernelLock(journal)
    lock.acquire()  # cut what a kill left unfinished before the first read
    lock.release()
    storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))
    return optuna.create_study(
        study_name=STUDY_NAME,
        storage=storage,
        sampler=sampler,
        directions=["minimize", "maximize"],
        load_if_exists=True,
    )
