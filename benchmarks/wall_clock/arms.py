"""The searches that are compared, and one run of one of them."""

import json
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from benchmarks.wall_clock.measured import Timeline, read_ours, read_plain
from nas.errors import NasError
from nas.files import atomic_write_text

Arm = Literal["ours", "ours-no-stop", "plain", "plain-our-engine"]
"""`nas search`; without early stopping; the script written by hand; that script with our training.
"""
OURS: tuple[Arm, ...] = ("ours", "ours-no-stop")

ARMS: tuple[Arm, ...] = get_args(Arm)
RUN_FILE = "run.json"
INTERRUPTED = "interrupted"
"""In the names of folders whose runs were begun anew."""
PLENTY = 100_000
"""Trials that no run comes to: time ends it."""


@dataclass(frozen=True)
class Terms:
    """What all arms have in common."""

    data: str
    space: str
    minutes: float
    epochs: int
    max_macs: int
    cores_each: int
    our_flags: str
    """Further flags of `nas search`."""


@dataclass(frozen=True)
class ArmRun:
    """A run of one arm with one seed: `OUT/ARM-seedN`."""

    folder: Path
    arm: Arm
    seed: int
    terms: Terms
    started_at: float
    """`time.time()` when its process was started."""
    cores: tuple[int, ...]
    ended_at: float | None = None
    """None while it runs, and where it was interrupted."""
    processor_s: float | None = None
    """Of all its processes."""
    environment: dict[str, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.arm} seed {self.seed}"

    def timeline(self, minutes: float) -> Timeline:
        """What had been measured after so many minutes."""
        read = read_ours if self.arm in OURS else read_plain
        return read(self.folder / "search", self.started_at, 60 * minutes)

    def write(self) -> None:
        """Write the run's file, atomically."""
        values = {**asdict(self), "folder": self.folder.name}
        values["command"] = shlex.join(command(self.arm, self.seed, self.terms, self.folder))
        atomic_write_text(self.folder / RUN_FILE, json.dumps(values, indent=1) + "\n")


def read_runs(out: Path) -> list[ArmRun]:
    """The runs in a folder, by arm and seed. Raises NasError where there are none."""
    folders = [path.parent for path in out.glob(f"*/{RUN_FILE}")]
    runs = [read_run(folder) for folder in folders if INTERRUPTED not in folder.suffix]
    if not runs:
        raise NasError("holds no runs", file=out)
    return sorted(runs, key=lambda run: (ARMS.index(run.arm), run.seed))


def read_run(folder: Path) -> ArmRun:
    """The run in a folder."""
    values = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    del values["command"]  # follows from the rest
    values |= {
        "folder": folder,
        "terms": Terms(**values["terms"]),
        "cores": tuple(values["cores"]),
    }
    return ArmRun(**values)


def command(arm: Arm, seed: int, terms: Terms, folder: Path) -> list[str]:
    """The command line of an arm; what it finds goes to `folder/search`."""
    common = [
        *("--data", terms.data, "--space", terms.space, "--out", str(folder / "search")),
        *("--minutes", f"{terms.minutes:g}", "--epochs", str(terms.epochs)),
        *("--max-macs", str(terms.max_macs), "--seed", str(seed)),
    ]
    if arm in OURS:
        program = ["-c", "from nas.cli.main import main; main()", "search"]
        own = ["--trials", str(PLENTY), "--workers", str(terms.cores_each), "--threads", "1"]
        stops = ["--stop", "none", "--short-epochs", "0"] if arm == "ours-no-stop" else []
        return [sys.executable, *program, *common, *own, *shlex.split(terms.our_flags), *stops]
    engine = "ours" if arm == "plain-our-engine" else "usual"
    # A core that decodes pictures itself is faster than one that shares itself with a loader;
    # further cores are best given to loaders (docs/measured.md, "Speed").
    loaders = terms.cores_each if terms.cores_each > 1 and engine == "usual" else 0
    threads = 1 if loaders else terms.cores_each
    own = ["--threads", str(threads), "--workers", str(loaders), "--engine", engine]
    return [sys.executable, "-m", "benchmarks.plain_optuna", *common, *own]
