"""Progress of a search: a live line on a terminal, plain lines elsewhere."""

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable
from statistics import mean
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from nas.report.tables import epochs_text, metric_title, seconds_text
from nas.runs.costs import MACS_KIND, CostKind
from nas.runs.records import TrialRecord
from nas.text_table import metric_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

# Trials from which the time left is estimated.
RECENT_TRIALS = 20

_QUIET_STATES = {"duplicate": "duplicate", "over_budget": "over budget"}


class SearchProgress:
    """Shows the progress of a search, as a context manager.

    On a terminal: a status line that is redrawn, and above it a plain line for each trial that was
    trained, stopped or failed. Elsewhere only those lines, without control characters. Duplicates
    and networks over budget are counted, not listed.
    """

    def __init__(
        self,
        total: int | None,
        *,
        metric: str,
        cost: CostKind = MACS_KIND,
        console: "Console | None" = None,
        stream: TextIO | None = None,
        workers: int = 1,
        time_limit_s: float | None = None,
        earlier: Iterable[TrialRecord] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`total` trained trials are wanted, None where only time ends the search; networks are
        ordered by `cost`.

        Writes to `console`, else to `stream`, else to standard output. `earlier` are the records of
        a resumed run. `clock` gives seconds.
        """
        from rich.console import Console

        stream = stream or sys.stdout
        # Asked of the stream alone: rich would take FORCE_COLOR in a log for a terminal.
        self._console = console or Console(file=stream, force_terminal=stream.isatty())
        self._total = total
        self._workers = workers
        self._time_limit_s = time_limit_s
        self._title = metric_title(metric)
        self._cost = cost
        self._clock = clock
        self._started = clock()
        self._trained = 0
        self._counts: Counter[str] = Counter()
        self._best: TrialRecord | None = None
        self._recent_s: deque[float] = deque(maxlen=RECENT_TRIALS)
        self._doing = ""
        self._live: Live | None = None
        for record in earlier:
            self._count(record)
        self._trained = self._counts["trained"] + self._counts["stopped"]

    def __enter__(self) -> Self:
        self._started = self._clock()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(
                console=self._console,
                get_renderable=self._status,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=self._console.file is sys.stdout,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def finished(self, record: TrialRecord, trained_so_far: int) -> None:
        """Take in a trial that ended; `trained_so_far` counts the study's trained trials, those
        that were stopped included."""
        self._count(record)
        self._trained = trained_so_far
        self._doing = ""
        if record.state not in _QUIET_STATES:
            self._print(self._line(record))

    def note(self, line: str) -> None:
        """Say something of the whole search in a line of its own."""
        self._print(line)

    def waiting(self, doing: str) -> None:
        """Show what goes on now, e.g. `trial 12: 1.86 M MACs, epoch 3 of 10`, in the live line."""
        self._doing = doing

    def refresh(self) -> None:
        """Redraw the live line now; it is redrawn twice a second anyway."""
        if self._live is not None:
            self._live.refresh()

    def time_left_s(self) -> float | None:
        """Seconds until the wanted trials are trained or the time is up; None while unknown."""
        ends = []
        if self._total is not None and self._recent_s:
            missing = max(self._total - self._trained, 0)
            ends.append(missing * mean(self._recent_s) / self._workers)
        if self._time_limit_s is not None:
            ends.append(max(self._time_limit_s - (self._clock() - self._started), 0.0))
        return min(ends, default=None)

    def _count(self, record: TrialRecord) -> None:
        self._counts[record.state] += 1
        if record.state not in ("trained", "stopped"):
            return
        if record.seconds is not None:
            self._recent_s.append(record.seconds)
        if record.metric is not None and record.metric > self._best_value():
            self._best = record

    def _best_value(self) -> float:
        if self._best is None or self._best.metric is None:
            return float("-inf")
        return self._best.metric

    def _line(self, record: TrialRecord) -> str:
        """One finished trial in ASCII, which any log file takes."""
        unit = " ".join(part for part in (self._cost.unit, self._cost.title) if part)
        cost = f"trial {record.number:>3}  {self._cost_of(record):>6} {unit}"
        if record.state == "trained":
            cost += f"  {self._title} {metric_text(record.metric)}"
            parts = [cost, seconds_text(record.seconds)]
        else:
            reason = " ".join((record.reason or "no reason given").split())
            after = f" after {epochs_text(record.epochs)}" if record.state == "stopped" else ""
            parts = [f"{cost}  {record.state}{after}: {reason}"]
        if self._live is None:
            parts += [*self._standing(), *self._untrained()]
        line = ", ".join(parts).encode("ascii", "backslashreplace").decode("ascii")
        return "".join(letter if letter.isprintable() else "?" for letter in line)

    def _cost_of(self, record: TrialRecord) -> str:
        return self._cost.text(record.costs.get(self._cost.name))

    def _standing(self) -> list[str]:
        """How far the whole search is."""
        of = "" if self._total is None else f"/{self._total}"
        parts = [f"{self._trained}{of} trained"]
        if self._best is not None:
            best = f"{metric_text(self._best.metric)} at {self._cost_of(self._best)}"
            parts.append(f"best {best}")
        left = self.time_left_s()
        if left is not None:
            parts.append(f"{seconds_text(left)} left")
        return parts

    def _untrained(self) -> list[str]:
        names = {"stopped": "stopped early"} | _QUIET_STATES | {"failed": "failed"}
        return [f"{self._counts[s]} {name}" for s, name in names.items() if self._counts[s]]

    def _status(self) -> "Text":
        from rich.text import Text

        workers = "1 worker" if self._workers == 1 else f"{self._workers} workers"
        parts = [self._doing, *self._standing(), workers, *self._untrained()]
        line = " | ".join(part for part in parts if part)
        return Text(line, style="bold", no_wrap=True, overflow="crop")

    def _print(self, line: str) -> None:
        # Plain text: names in brackets are no markup, and long lines are the reader's to wrap.
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
