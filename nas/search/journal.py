"""Studies in files of a run's folder: Optuna's log file, made to survive a kill at any moment."""

import fcntl
import json
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.errors import NasError
from nas.files import naming
from nas.runs.folder import exclusive
from nas.search.journal_line import DamagedLine, LineReader
from nas.search.objective import Direction
from nas.search.store import StudyStore, begin_or_load

STUDY_NAME = "search"


class KilledWritersFile(JournalFileBackend):
    """Optuna's journal file, for writers that may be killed.

    Its lock is the kernel's, which ends with its holder; Optuna's own would hold others up 30 s.
    A line that a killed writer left unfinished would spoil the line behind it: the next writer cuts
    it off. Only what ends a trial waits for the disk: a kill loses nothing that the kernel has.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal
        self._lines = LineReader()
        self._offset = 0
        with self._exclusive() as handle:  # before the first read
            _cut_unfinished_line(handle)

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The operations from that number on. Raises DamagedLine, and `line` is then its number."""
        if log_number_from != self._lines.number:  # read by another storage, or anew
            self._offset, self._lines = 0, LineReader()
        with self._journal.open("rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):  # a writer is at it, or was killed
                    return
                log = self._lines.read(line)
                self._offset += len(line)
                if self._lines.number > log_number_from:
                    yield log

    @property
    def line(self) -> int:
        """Number of the line that was read last, from 1."""
        return self._lines.number

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add a line for each entry. Raises OSError where the disk is full, ValueError for what no
        reader would take: NaN and infinity are not JSON."""
        text = "".join(_line(log) for log in logs)
        with self._exclusive() as handle:
            _cut_unfinished_line(handle)
            if os.fstat(handle).st_size < self._offset:
                problem = "lost lines while the search ran: it ends, so as not to begin it anew"
                raise NasError(problem, file=self._journal)
            with naming(self._journal):
                _write_all(handle, text.encode("utf-8"))
                if any("state" in log for log in logs):
                    os.fsync(handle)

    @contextmanager
    def _exclusive(self) -> Iterator[int]:
        handle = os.open(self._journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


def _line(log: dict[str, Any]) -> str:
    try:
        return json.dumps(log, separators=(",", ":"), allow_nan=False) + "\n"
    except ValueError as error:
        raise ValueError(f"{error}: {log}") from error


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


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


def open_study(
    journal: Path,
    sampler: optuna.samplers.BaseSampler | None = None,
    directions: Sequence[Direction] = ("minimize", "maximize"),
) -> optuna.Study:
    """The study in a journal, begun if there is none; by default a cost falls, a metric rises.

    Raises NasError for a file that is no journal.
    """
    file = KilledWritersFile(journal)
    try:
        return begin_or_load(JournalStorage(file), STUDY_NAME, directions, sampler)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        problem = f"damaged, or no journal of a search: {_said(error)}"
        raise NasError(problem, file=journal, line=file.line or None) from error


def _said(error: Exception) -> str:
    """What is wrong with a line; of Optuna's own errors the kind tells more than the text."""
    return str(error) if isinstance(error, DamagedLine) else f"{type(error).__name__}: {error}"


class JournalStore(StudyStore):
    """A journal file for each study, and locks of the kernel, which end with their holder."""

    @property
    def place(self) -> str:
        return self._place.name

    @property
    def _place(self) -> Path:
        return self.folder / "study.log"

    @property
    def _finals_place(self) -> Path:
        return self.folder / "finalists.log"

    def begun(self) -> bool:
        return self._place.exists() and self._place.stat().st_size > 0

    def search(
        self, directions: Sequence[Direction], sampler: optuna.samplers.BaseSampler | None = None
    ) -> optuna.Study:
        return open_study(self._place, sampler, directions)

    def finals_begun(self) -> bool:
        return self._finals_place.exists()

    def finals(self) -> optuna.Study:
        return open_study(self._finals_place)

    def claiming(self) -> AbstractContextManager[None]:
        return exclusive(self.folder / ".claims")

    def alive(self) -> AbstractContextManager[None]:
        return _shared(self.folder / ".workers")

    def alone(self) -> AbstractContextManager[None]:
        return exclusive(self.folder / ".workers")


@contextmanager
def _shared(path: Path) -> Iterator[None]:
    """As `exclusive`, but any number of processes hold it together."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield
