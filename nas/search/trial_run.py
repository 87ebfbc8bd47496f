"""A running trial: its learning curve so far, and whether it is stopped early."""

from collections.abc import Mapping

from torch import nn

from nas.report.tensorboard import CurveWriter
from nas.runs.costs import MACS
from nas.runs.records import TrialRecord
from nas.search.objective import BY_MACS, Objectives
from nas.search.stopping.rule import GO_ON, LearningCurve, StopRule, StopVerdict
from nas.search.trials import SEED_SHARE, Candidate, StudyRecords
from nas.tasks.base import Metrics
from nas.train.checkpoint import EpochResult
from nas.train.inherit import Inherited


class TrialRun:
    """Keeps each epoch's metric, and asks the rule whether the training goes on."""

    def __init__(
        self,
        number: int,
        candidate: Candidate,
        rule: StopRule,
        records: StudyRecords,
        objectives: Objectives = BY_MACS,
    ) -> None:
        """Of trial `number`; it is judged against the others of `records`, as they are then."""
        self.number = number
        self.candidate = candidate
        self.rule = rule
        self.records = records
        self.objectives = objectives
        self.short: list[float] = []
        """Metric after each epoch of the short training."""
        self.full: list[float] = []
        """Metric after each epoch of the full training."""
        self.inherited: Inherited | None = None
        """What the last training began with; None is from scratch."""
        self.verdict: StopVerdict = GO_ON
        self.measured: Metrics | None = None
        """Of the best epoch, once the full training went to its end."""
        self.last: Metrics | None = None
        """Of the last epoch."""
        self.network: nn.Module | None = None
        """What was trained last."""

    @property
    def epochs(self) -> int:
        """Epochs trained so far."""
        return len(self.short) + len(self.full)

    @property
    def value(self) -> float:
        """What the study is told: the metric that was measured, or the one that was predicted."""
        if self.measured is not None:
            return self.measured.primary
        if self.verdict.predicted is None:
            raise ValueError(f"trial {self.number}: {self.epochs} epochs gave no value")
        return self.verdict.predicted

    def take_in(self, result: EpochResult, metric: str, board: CurveWriter, *, short: bool) -> None:
        """Keep an epoch of the short or the full training, and write it to TensorBoard."""
        (self.short if short else self.full).append(result.validation.primary)
        self.last = result.validation
        board.epoch(
            result.epoch,
            f"short_{metric}" if short else metric,
            result.validation.primary,
            train_loss=result.train_loss,
            learning_rate=result.learning_rate,
        )

    def judge(self) -> bool:
        """Ask the rule; True ends the trial."""
        cost, losses = self._costs(self.candidate.costs)
        curve = LearningCurve(
            self.number, cost, tuple(self.full), tuple(self.short), other_losses=losses
        )
        others = [self._curve(item) for item in self.records.read() if _has_curve(item)]
        self.verdict = self.rule.should_stop(curve, others)
        return self.verdict.stop

    def _costs(self, costs: Mapping[str, float]) -> tuple[float, tuple[float | None, ...]]:
        """The cost that curves compare, and the losses of the study's other costs."""
        losses = self.objectives.losses(costs)
        if not self.objectives.axis_is_known:
            return costs.get(MACS, 0), losses
        axis = self.objectives.axis_index
        return costs.get(self.objectives.axis.name, 0), losses[:axis] + losses[axis + 1 :]

    def _curve(self, record: TrialRecord) -> LearningCurve:
        cost, losses = self._costs(record.costs)
        return LearningCurve(
            number=record.number,
            cost=cost,
            full=record.history,
            short=record.short_history,
            finished=record.state == "trained",
            seed_sd=SEED_SHARE * (record.validation_sd or 0.0),
            other_losses=losses,
        )


def _has_curve(record: TrialRecord) -> bool:
    return record.state in ("trained", "stopped")
