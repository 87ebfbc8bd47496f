"""A run's folder: atomic writes, the lock that one run holds on it, the table of its trials."""

import csv
import fcntl
import io
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, get_args

from nas.errors import NasError

TrialState = Literal["trained", "duplicate", "over_budget", "failed", "running"]

LOCK = ".lock"
"""File of a run's folder that its one process locks."""

TRIAL_COLUMNS = (
    "number",
    "state",
    "macs",
    "parameters",
    "macro_f1",
    "architecture_hash",
    "seconds",
    "reason",
)


@dataclass(frozen=True)
class TrialRecord:
    """What is known of one trial; None where it is not known."""

    number: int
    state: TrialState
    macs: int | None = None
    parameters: int | None = None
    macro_f1: float | None = None
    architecture_hash: str | None = None
    seconds: float | None = None
    """Wall-clock seconds of training and evaluation."""
    reason: str | None = None
    """Why it failed, or which trial it repeats."""
    accuracy: float | None = None
    architecture_yaml: str | None = None
    history: tuple[float, ...] = field(default=())
    """Validation macro-F1 after each epoch."""


def write_trials_csv(path: Path, records: Iterable[TrialRecord]) -> None:
    """Write one row a trial with `TRIAL_COLUMNS`, atomically; empty cells for what is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TRIAL_COLUMNS)
    for record in records:
        values = (getattr(record, column) for column in TRIAL_COLUMNS)
        writer.writerow("" if value is None else value for value in values)
    atomic_write_text(path, text.getvalue())


def read_trials_csv(path: Path) -> tuple[TrialRecord, ...]:
    """The records of a `trials.csv`. Raises NasError for a file that is not one."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return tuple(_parse_rows(path, csv.DictReader(stream)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NasError(f"can't read the table of trials: {error}", file=path) from error


def _parse_rows(path: Path, rows: "csv.DictReader[str]") -> Iterator[TrialRecord]:
    missing = [column for column in TRIAL_COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise NasError(f"not a table of trials: no column {', '.join(missing)}", file=path)
    for row in rows:
        try:
            yield _parse_row(row)
        except (TypeError, ValueError) as error:
            raise NasError(f"unreadable row: {error}", file=path, line=rows.line_num) from error


def _parse_row(row: dict[str, str]) -> TrialRecord:
    state = row["state"]
    if state not in get_args(TrialState):
        raise ValueError(f"no state {state!r}; allowed: {', '.join(get_args(TrialState))}")
    return TrialRecord(
        number=int(row["number"]),
        state=state,  # type: ignore[arg-type]  # checked above
        macs=int(row["macs"]) if row["macs"] else None,
        parameters=int(row["parameters"]) if row["parameters"] else None,
        macro_f1=float(row["macro_f1"]) if row["macro_f1"] else None,
        architecture_hash=row["architecture_hash"] or None,
        seconds=float(row["seconds"]) if row["seconds"] else None,
        reason=row["reason"] or None,
    )


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data` so that a kill leaves the old or the new file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        # mkstemp's 0600 would shut out a group that shares runs
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def atomic_write_text(path: Path, text: str) -> None:
    """`atomic_write_bytes` of UTF-8 text."""
    atomic_write_bytes(path, text.encode("utf-8"))


def append_log(folder: Path, text: str) -> None:
    """Add a line with the time to the run's `log.txt`."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    with (folder / "log.txt").open("a", encoding="utf-8", errors="replace") as stream:
        stream.write(f"{stamp} {text.rstrip()}\n")


def new_run_folder(out: Path | None, name: str, root: Path = Path("runs")) -> Path:
    """A new empty folder: `out`, else `root/name`, else `root/name-2` and so on where taken.

    Raises NasError if `out` exists and is not an empty folder.
    """
    refuse_taken(out)
    try:
        if out is None:
            return _next_free(root, name)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NasError(f"can't make the folder: {error.strerror}", file=out or root) from error
    return out


def refuse_taken(out: Path | None) -> None:
    """Raises NasError if `out` exists and is not a folder that is empty but for a run's lock."""
    if out is None:
        return
    try:
        empty = out.is_dir() and all(path.name == LOCK for path in out.iterdir())
        if out.exists() and not empty:
            raise NasError("exists already; choose another --out, or --resume it", file=out)
    except OSError as error:
        raise NasError(f"can't be read: {error.strerror}", file=out) from error


def _next_free(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the lock of the file `path` and hold it; it ends with the process."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """As `exclusive`, but any number of processes hold it together."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Hold the folder for one process; the kernel lets go when that process ends, however it ends.

    Raises NasError while another process holds it.
    """
    with (folder / LOCK).open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NasError("another process works in this run's folder now", file=folder) from None
        yield


def environment() -> dict[str, str]:
    """Versions, commit and hardware that a run's figures depend on."""
    facts = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("compact-nas", "torch", "torchvision", "optuna", "numpy"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["commit"] = _commit()
    facts["processor"] = _processor()
    facts["cores"] = str(os.cpu_count())
    return facts


def _commit() -> str:
    """The commit of the source tree that this module is in, `unknown` outside of git."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
