"""A search over recorded networks: every training goes as far as a rule lets it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.early_stopping.pool import Pool, Recorded
from nas.search.stopping.rule import LearningCurve, StopRule


@dataclass(frozen=True)
class Step:
    """What was spent and what was there after one network."""

    epochs: int
    seconds: float
    hypervolume: float


@dataclass(frozen=True)
class Replay:
    """One search over the pool in one order."""

    steps: tuple[Step, ...]
    stopped: tuple[LearningCurve, ...]

    def epochs_to(self, hypervolume: float) -> float:
        """Epochs until it is reached, infinite where it is not."""
        return self._first(hypervolume, lambda step: step.epochs)

    def seconds_to(self, hypervolume: float) -> float:
        """Recorded wall-clock seconds of training until it is reached."""
        return self._first(hypervolume, lambda step: step.seconds)

    def _first(self, hypervolume: float, spent: Callable[[Step], float]) -> float:
        reached = (spent(step) for step in self.steps if step.hypervolume >= hypervolume - 1e-12)
        return next(reached, float("inf"))


def replay(pool: Pool, order: Sequence[int], rule: StopRule, *, short: bool) -> Replay:
    """Train the networks of a pool in an order, as one worker of `nas search` does."""
    epochs, seconds = 0, 0.0
    seen: list[LearningCurve] = []
    steps: list[Step] = []
    for number in order:
        item = pool.networks[number]
        curve = train(item, rule, seen, short=short)
        seen.append(curve)
        epochs += curve.epochs
        seconds += len(curve.short) * item.short_epoch_s + len(curve.full) * item.full_epoch_s
        steps.append(Step(epochs, seconds, pool.hypervolume(seen)))
    return Replay(tuple(steps), tuple(curve for curve in seen if not curve.finished))


def train(
    item: Recorded, rule: StopRule, seen: Sequence[LearningCurve], *, short: bool
) -> LearningCurve:
    """The curve of one network as far as the rule lets it go; without a short run if not asked."""
    whole = item.curve if short else replace(item.curve, short=())
    for epoch in range(0 if short else 1, len(whole.full)):
        curve = replace(whole, full=whole.full[:epoch], finished=False)
        if rule.should_stop(curve, seen).stop:
            return curve
    return whole
