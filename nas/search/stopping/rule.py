"""What decides whether a training goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nas.search.stopping.curve import Curve


@dataclass(frozen=True)
class Verdict:
    """Whether a training ends here, and what it would have come to."""

    stop: bool
    predicted: float | None = None
    """The final metric that is expected; always given with `stop`."""
    sd: float | None = None
    """Standard deviation of `predicted`."""
    because: str = ""
    """Why it ends, in words that follow "stopped after 3 epochs:"."""


GO_ON = Verdict(stop=False)


class StopRule(Protocol):
    """Judges a training after its short run and after each epoch of the full one but the last."""

    def should_stop(self, curve: Curve, others: Sequence[Curve]) -> Verdict:
        """The verdict on a curve so far; `others` are the study's other curves that have ended."""
        ...


class NeverStop:
    """Every training goes to its end."""

    def should_stop(self, curve: Curve, others: Sequence[Curve]) -> Verdict:
        return GO_ON
