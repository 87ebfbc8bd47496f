"""What a search had measured, and when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plain_optuna import TRIALS
from nas.search.journal import open_study


@dataclass(frozen=True)
class Measured:
    """A network that was trained to the end."""

    at_s: float
    """Wall-clock seconds from the start of the search's process to the end of the training."""
    macs: int
    macro_f1: float
    """On the validation split."""
    architecture_hash: str = ""
    architecture_yaml: str = ""


@dataclass(frozen=True)
class Timeline:
    """One search as time went on."""

    measured: tuple[Measured, ...]
    """By time."""
    epochs: int
    """Of all trainings, those included that were stopped."""
    stopped: int = 0
    """Trainings that ended early; their networks are not measured."""
    refused: int = 0
    """Proposals over the budget."""

    @property
    def repeats(self) -> int:
        """Trainings of a network that had been trained before."""
        return len(self.measured) - len({item.architecture_hash for item in self.measured})

    @property
    def last_s(self) -> float:
        """When the last network was measured; 0 if none was."""
        return self.measured[-1].at_s if self.measured else 0.0


def read_plain(folder: Path, start: float, end_s: float) -> Timeline:
    """A folder of `benchmarks.plain_optuna`, as it was `end_s` seconds after the time `start`."""
    path = folder / TRIALS
    lines = list(_lines(path)) if path.exists() else []
    lines = [line for line in lines if line["ended_at"] - start <= end_s]
    trained = [line for line in lines if line["state"] == "trained"]
    return Timeline(
        tuple(
            Measured(
                line["ended_at"] - start,
                line["macs"],
                line["macro_f1"],
                line["architecture_hash"],
                line["architecture"],
            )
            for line in trained
        ),
        epochs=sum(line["epochs"] for line in trained),
        refused=len(lines) - len(trained),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines; one that a killed writer left unfinished is left out."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def read_ours(folder: Path, start: float, end_s: float) -> Timeline:
    """A folder of `nas search`, as it was `end_s` seconds after the time `start`."""
    journal = folder / "study.log"
    if not journal.exists():
        return Timeline((), 0)
    ended = [
        (trial.datetime_complete.timestamp() - start, trial)
        for trial in open_study(journal).get_trials(deepcopy=False)
        if trial.datetime_complete is not None
    ]
    kept = [(at_s, trial) for at_s, trial in ended if at_s <= end_s]
    outcomes = [trial.user_attrs.get("outcome") for _, trial in kept]
    measured = [
        Measured(
            at_s,
            trial.user_attrs["macs"],
            trial.values[1],
            trial.user_attrs["architecture_hash"],
            trial.user_attrs["architecture"],
        )
        for (at_s, trial), outcome in zip(kept, outcomes, strict=True)
        if outcome == "trained"
    ]
    return Timeline(
        tuple(sorted(measured, key=lambda item: item.at_s)),
        epochs=sum(_epochs(trial.user_attrs) for _, trial in kept),
        stopped=outcomes.count("stopped"),
        refused=outcomes.count("over_budget"),
    )


def _epochs(attributes: dict[str, Any]) -> int:
    """Epochs that a trial trained in all; before searches had short trainings, its history's."""
    return int(attributes.get("epochs", len(attributes.get("history", ()))))
