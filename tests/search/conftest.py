"""Small pictures and small searches of them, in this process and in others."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from PIL import Image

from nas.runs.records import TrialRecord
from nas.search import final_trainer, trainer
from nas.search.candidates import Proposal
from nas.search.executors import base
from nas.search.executors.local import LocalWorkers
from nas.search.run import run_search
from nas.search.settings import SearchSettings
from nas.search.trainer import CandidateTrainer
from nas.search.worker import work
from nas.spec.budget import BudgetSpec
from nas.spec.search import SearchSpec
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.training import TrainingSpec
from tests.runs.trials_csv import read_trials_csv

SPACE = """
name: small
input: {channels: 3, height: 8, width: 8}
classes: 10
layers:
  - {name: stem, block: Conv, out: {low: 4, high: 64, step: 4}, kernel: [1, 3], stride: 2}
  - {name: body, block: Conv, out: [4, 8, 12, 16], kernel: 3, repeat: {low: 1, high: 2}}
  - {name: gap, block: GlobalAvgPool}
training: {epochs: 1, batch_size: 16}
"""
FEW = """
name: few
input: {channels: 3, height: 8, width: 8}
classes: 3
layers:
  - {name: stem, block: Conv, out: [4, 8, 12], kernel: [1, 3], stride: 2}
  - {name: gap, block: GlobalAvgPool}
training: {epochs: 1, batch_size: 16}
"""
"""Six networks."""

METRIC = "macro_f1"
"""Primary metric of pictures."""

RUN_NAS = "from nas.cli.main import main\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    torch.set_num_threads(before)


def write_pictures(root: Path, classes: int, train: int = 8, validation: int = 4) -> Path:
    """`root/train|val/CLASS/*.png` of 8 x 8 pixels."""
    generator = np.random.default_rng(0)
    for split, count in (("train", train), ("val", validation)):
        for number in range(classes):
            folder = root / split / f"class{number}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                pixels[:, :, number % 3] //= 1 + number
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, with a path that a shell would take apart."""
    return write_pictures(tmp_path_factory.mktemp("data") / "my pictures é", 3)


@pytest.fixture
def space() -> SpaceSpec:
    return parse_space(SPACE)


def settings_for(
    data: Path,
    *,
    trials: int = 3,
    minutes: float | None = None,
    sampler: str = "random",
    max_macs: int | None = None,
    workers: int = 1,
    seed: int = 0,
    **search: object,
) -> SearchSettings:
    """`search` are further keys of `SearchSpec`."""
    return SearchSettings(
        data=str(data),
        search=SearchSpec.model_validate(
            {"trials": trials, "minutes": minutes, "sampler": sampler, "seed": seed, **search}
        ),
        budget=BudgetSpec(max_macs=max_macs),
        training=TrainingSpec(epochs=1, batch_size=16),
        workers=workers,
        device="cpu",
    )


class WorkersHere(LocalWorkers):
    """One worker in this process, which saves seconds; polled after each trial."""

    def run(self, on_poll: Callable[[], None]) -> None:
        train = CandidateTrainer.train

        def train_and_poll(
            trainer: CandidateTrainer, study: optuna.Study, proposal: Proposal
        ) -> None:
            train(trainer, study, proposal)
            on_poll()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CandidateTrainer, "train", train_and_poll)
            work(self.job, self.store)
        on_poll()


@pytest.fixture
def workers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    put_workers_here(monkeypatch)


def put_workers_here(patch: pytest.MonkeyPatch) -> None:
    """For both stages of a search."""
    patch.setitem(base._HOMES, "local", f"{__name__}:WorkersHere")


@pytest.fixture
def slow_trainings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock on which each training takes 10 s and nothing else any; its seconds so far."""
    passed = [0.0]

    def slow(fit: Callable[..., Any]) -> Callable[..., Any]:
        def fit_slowly(*arguments: Any, **options: Any) -> Any:
            passed[0] += 10.0
            return fit(*arguments, **options)

        return fit_slowly

    for module in (trainer, final_trainer):
        monkeypatch.setattr(module, "fit", slow(module.fit))
    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: passed[0])
    return passed


def begin(folder: Path, data: Path, text: str = SPACE, **options: Any) -> list[str]:
    said: list[str] = []
    run_search(parse_space(text), settings_for(data, **options), out=folder, say=said.append)
    return said


def trials_of(folder: Path) -> tuple[TrialRecord, ...]:
    return read_trials_csv(folder / "trials.csv", METRIC)


def copy_of(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A search of four trainings."""
    folder = tmp_path_factory.mktemp("runs") / "a run"
    with pytest.MonkeyPatch.context() as patch:
        put_workers_here(patch)
        begin(folder, pictures, trials=4)
    return folder


def start_nas(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    """`nas ARGUMENTS` in the folder, in a process group of its own."""
    program = folder / "run_nas.py"
    program.write_text(RUN_NAS)
    return subprocess.Popen(
        [sys.executable, str(program), *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A background shell, as of a CI, has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
