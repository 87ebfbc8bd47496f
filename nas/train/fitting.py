"""All epochs of a run: its rounds, then those with 8-bit rounding; each is told and drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.data.dataset import AnyTaskData
from nas.report.lines import Say, epoch_line, round_line
from nas.report.tensorboard import CurveWriter
from nas.spec.training import TrainingSpec
from nas.tasks.base import Metrics, Task
from nas.train.checkpoint import EpochResult
from nas.train.loop import FitResult
from nas.train.pseudo_labelling import RoundResults, TrainingRound, fit_rounds
from nas.train.quantise import fit_rounded
from nas.train.teaching import Teaching

ROUNDED_CHECKPOINT_FILE = "checkpoint-8bit.pt"


@dataclass(frozen=True, eq=False)
class Fitted:
    """What the epochs of a run came to."""

    rounds: RoundResults
    pseudo_labelled: bool
    """Whether labels were added between rounds."""
    rounded: FitResult | None
    """Of the epochs with 8-bit rounding, which then made the weights; None without such."""

    @property
    def kept(self) -> FitResult:
        """Of the round that is kept, without rounding."""
        return self.rounds.kept.fitted

    @property
    def validation(self) -> Metrics:
        """Of the weights that are kept."""
        return (self.rounded or self.kept).best_validation

    def as_json(self) -> dict[str, Any]:
        """Epochs, and metrics and added labels of each round, under the names of metrics.json."""
        values: dict[str, Any] = {
            "seconds_per_epoch": self.rounds.seconds_per_epoch,
            "epochs": len(self.kept.history),
            "best_epoch": self.kept.best_epoch,
        }
        if self.pseudo_labelled:
            values["kept_round"] = self.rounds.kept.number
            values["rounds"] = [_round_values(item) for item in self.rounds.rounds]
        if self.rounded is not None:
            values["quantisation_aware"] = {
                "epochs": len(self.rounded.history),
                "best_epoch": self.rounded.best_epoch,
                "validation_before": self.kept.best_validation.as_json(),
            }
        return values


def fit_run(
    network: nn.Module,
    data: AnyTaskData,
    task: Task[Any],
    training: TrainingSpec,
    folder: Path,
    *,
    device: torch.device,
    teaching: Teaching | None,
    say: Say,
) -> Fitted:
    """Train a network in place, as `fit_rounds` and then `fit_rounded` do, with their checkpoints
    in `folder`. Raises TrainingFailed, and NasError, as these do."""
    spec, epochs = training.pseudo_labelling, training.epochs

    def on_round_epoch(number: int, result: EpochResult) -> None:
        before = "" if spec is None else f"round {number}/{spec.rounds}  "
        told.tell(result, epochs, behind=(number - 1) * epochs, before=before)

    def on_rounded_epoch(result: EpochResult) -> None:
        behind = len(rounds.rounds) * epochs
        told.tell(result, training.quantisation_aware, behind=behind, before="8-bit rounding  ")

    def on_round(done: TrainingRound) -> None:
        if spec is not None:
            reached = done.fitted.best_validation.primary
            say(round_line(done.number, spec.rounds, task.primary_metric, reached, done.added))

    with CurveWriter(folder / "tensorboard") as curves:
        told = _Told(task.primary_metric, curves, say)
        rounds = fit_rounds(
            network,
            data,
            task,
            training,
            folder,
            device=device,
            on_epoch=on_round_epoch,
            on_round=on_round,
            teaching=teaching,
        )
        if not training.quantisation_aware:
            return Fitted(rounds, spec is not None, None)
        told = _Told(task.primary_metric, curves, say)  # what was best counts with rounding only
        rounded = fit_rounded(
            network,
            rounds.data,
            task,
            training,
            device=device,
            on_epoch=on_rounded_epoch,
            checkpoint=folder / ROUNDED_CHECKPOINT_FILE,
            teaching=teaching,
        )
    return Fitted(rounds, spec is not None, rounded)


class _Told:
    """Who hears of each epoch; the best so far are marked."""

    def __init__(self, metric: str, curves: CurveWriter, say: Say) -> None:
        self.metric = metric
        self.curves = curves
        self.say = say
        self.best = -1.0

    def tell(self, result: EpochResult, epochs: int, *, behind: int, before: str) -> None:
        """One of so many epochs, `behind` others in the curve, `before` its line."""
        reached = result.validation.primary
        mark = "  *" if reached > self.best else ""
        self.best = max(self.best, reached)
        line = epoch_line(
            result.epoch,
            epochs,
            train_loss=result.train_loss,
            metric=self.metric,
            validation=reached,
            seconds=result.seconds,
        )
        self.say(before + line + mark)
        self.curves.epoch(
            behind + result.epoch,
            self.metric,
            reached,
            train_loss=result.train_loss,
            learning_rate=result.learning_rate,
        )


def _round_values(done: TrainingRound) -> dict[str, Any]:
    return {
        "round": done.number,
        "best_epoch": done.fitted.best_epoch,
        "validation": done.fitted.best_validation.as_json(),
        "added": None if done.added is None else dict(done.added),
    }
