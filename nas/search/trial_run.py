"""One candidate's trainings as they go: its curve so far, and whether they end early."""

from nas.report.tensorboard import CurveWriter
from nas.runs.records import TrialRecord
from nas.search.stopping.rule import GO_ON, Curve, StopRule, Verdict
from nas.search.trials import SEED_SHARE, Candidate, StudyRecords
from nas.tasks.base import Metrics
from nas.train.checkpoint import EpochResult
from nas.train.inherit import Inherited


class TrialRun:
    """Keeps each epoch's metric, and asks the rule whether the training goes on."""

    def __init__(
        self, number: int, candidate: Candidate, rule: StopRule, records: StudyRecords
    ) -> None:
        """Of trial `number`; it is judged against the others of `records`, as they are then."""
        self.number = number
        self.candidate = candidate
        self.rule = rule
        self.records = records
        self.short: list[float] = []
        """Metric after each epoch of the short training."""
        self.full: list[float] = []
        """Metric after each epoch of the full training."""
        self.inherited: Inherited | None = None
        """What the last training began with; None is from scratch."""
        self.verdict: Verdict = GO_ON
        self.measured: Metrics | None = None
        """Of the best epoch, once the full training went to its end."""

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
        board.epoch(
            result.epoch,
            f"short_{metric}" if short else metric,
            result.validation.primary,
            train_loss=result.train_loss,
            learning_rate=result.learning_rate,
        )

    def judge(self) -> bool:
        """Ask the rule; True ends the trial."""
        curve = Curve(self.number, self.candidate.macs, tuple(self.full), tuple(self.short))
        others = [_curve(item) for item in self.records.read() if _has_curve(item)]
        self.verdict = self.rule.should_stop(curve, others)
        return self.verdict.stop


def _has_curve(record: TrialRecord) -> bool:
    return record.state in ("trained", "stopped")


def _curve(record: TrialRecord) -> Curve:
    return Curve(
        number=record.number,
        macs=record.macs or 0,
        full=record.history,
        short=record.short_history,
        finished=record.state == "trained",
        seed_sd=SEED_SHARE * (record.validation_sd or 0.0),
    )
