"""A small search and a small training, the same each time, and what a whole one has left."""

import contextlib
import io
import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
import pytest
from numpy.random import default_rng

from nas.errors import NasError
from nas.runs.records import TrialRecord
from nas.search.final_study import read_finals
from nas.search.journal import open_study
from nas.search.run import resume_search
from nas.search.trials import records_of
from nas.spec.architecture import ArchitectureSpec
from nas.spec.space import parse_space
from nas.spec.training import TrainingSpec
from nas.spec.trial import RandomTrial
from nas.train.api import resume_training, run_training
from tests.runs.trials_csv import read_trials_csv
from tests.search.conftest import METRIC, SPACE, begin, put_workers_here, write_pictures

TRIALS = 5
EPOCHS = 4
TRAINING = TrainingSpec(epochs=EPOCHS, batch_size=8)
SEARCH = {"trials": TRIALS, "finalists": 2, "final_seeds": 1}


@dataclass(frozen=True)
class Job(ABC):
    """A search or a training of the pictures in `data`, in `folder`."""

    folder: Path
    data: Path

    @abstractmethod
    def begin(self) -> None:
        """Run it to its end."""

    @abstractmethod
    def resume(self) -> None:
        """Go on with what a kill left, to the end. Raises NasError where that can't be."""

    def go_on(self) -> None:
        """What a person does after a kill: resume, and begin anew where nothing can be resumed."""
        try:
            self.resume()
        except NasError as error:
            print("resume:", error)
            self.begin()

    @property
    @abstractmethod
    def stage(self) -> str:
        """Where the job is now, judged by its files."""

    @abstractmethod
    def results(self) -> dict[str, Any]:
        """What must never be lost again, once it is there."""

    @abstractmethod
    def flaws(self, whole: "Job") -> list[str]:
        """What a job that has ended lacks beside one that nothing disturbed."""


class Search(Job):
    """Five trainings in this process, and two finalists."""

    def begin(self) -> None:
        put_workers_here(pytest.MonkeyPatch())
        begin(self.folder, self.data, **SEARCH)

    def resume(self) -> None:
        put_workers_here(pytest.MonkeyPatch())
        resume_search(self.folder, say=print)

    @property
    def stage(self) -> str:
        found = self.results()
        if any(key.startswith("finalist") for key in found):
            return "among the finalists"
        return "in the middle" if found else "before the first trained network"

    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in self._records("study.log"):
            if item.state == "trained":
                found[f"trial {item.number}"] = (item.architecture_hash, item.macs, item.metric)
        journal = self.folder / "finalists.log"
        for final in read_finals(open_study(journal)) if journal.exists() else ():
            if final.state == "trained":
                found[f"finalist {final.trial}, seed {final.seed}"] = final.metric
        return found

    def _records(self, name: str) -> list[TrialRecord]:
        path = self.folder / name
        return list(records_of(open_study(path))) if path.exists() else []

    def flaws(self, whole: Job) -> list[str]:
        rows = read_trials_csv(self.folder / "trials.csv", METRIC)
        spent = [item for item in rows if item.state in ("trained", "failed")]
        found = [] if len(spent) == TRIALS else [f"{len(spent)} trials instead of {TRIALS}"]
        hashes = Counter(item.architecture_hash for item in spent)
        found += [
            f"{name} was trained {count} times" for name, count in hashes.items() if count > 1
        ]
        found += [f"trial {row.number} still runs" for row in rows if row.state == "running"]
        table = {f"trial {row.number}": row.metric for row in rows}
        for key, value in self.results().items():
            if key.startswith("trial") and table.get(key) != value[2]:
                found.append(f"{key} is missing in trials.csv, or with another metric")
        for name in ("best.yaml", "report.html", "front"):
            found += [] if (self.folder / name).exists() else [f"no {name}"]
        return found


class Training(Job):
    """Four epochs of one network."""

    @cached_property
    def architecture(self) -> ArchitectureSpec:
        return parse_space(SPACE).sample(RandomTrial(default_rng(5)))

    def begin(self) -> None:
        run_training(
            self.architecture, data=self.data, training=TRAINING, out=self.folder, device="cpu"
        )

    def resume(self) -> None:
        resume_training(self.folder)

    @property
    def stage(self) -> str:
        begun = (self.folder / "checkpoint.pt").exists()
        return "in the middle" if begun else "before the first epoch"

    def results(self) -> dict[str, Any]:
        return {}

    def flaws(self, whole: Job) -> list[str]:
        found = []
        ours, theirs = ((job.folder / "model.safetensors").read_bytes() for job in (self, whole))
        if ours != theirs:
            found.append("other weights")
        if _measured(self.folder) != _measured(whole.folder):
            found.append("other metrics")
        return found


def _measured(folder: Path) -> dict[str, Any]:
    measured = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in measured.items() if "seconds" not in key}


def prepared(kind: type[Job], place: Path) -> tuple[Path, Job]:
    """Pictures, and a job that is not begun; all is loaded that its forks will need."""
    os.environ["NAS_CACHE"] = f"{place}/cache"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = place / "data"
    if not data.exists():
        write_pictures(data, 3)
    with contextlib.redirect_stdout(io.StringIO()):
        kind(place / "warm" / kind.__name__, data).begin()
    folder = place / kind.__name__
    folder.mkdir()
    return data, kind(folder / "whole", data)
