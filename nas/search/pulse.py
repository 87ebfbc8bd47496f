"""Signs of life of a study's workers, and the return of what a silent one held.

No clocks of two machines are compared: each worker counts, and who watches measures by its own
clock for how long a count has stood still.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.search.store import HOLDER, WorkerName

BEAT_S = 5.0
"""Seconds between a worker's signs of life."""


@dataclass
class Silence:
    """For how long each worker has been silent, as one observer saw it."""

    grace_s: float
    _seen: dict[str, tuple[Any, float]] = field(default_factory=dict)
    """The last sign of each, and when it came."""
    _looked: float | None = None

    def look(self, signs: Mapping[str, Any], now: float) -> None:
        """Take in the signs of all. An observer that did not look for long saw nobody's silence."""
        blind = self._looked is not None and now - self._looked > self.grace_s / 2
        self._looked = now
        for name, sign in signs.items():
            before = self._seen.get(name)
            if before is None or before[0] != sign or blind:
                self._seen[name] = (sign, now)

    def knows(self, name: str) -> bool:
        """Whether it gave a sign since this observer looks."""
        return name in self._seen

    def is_silent(self, name: str) -> bool:
        """Whether a worker was silent for longer than it may be."""
        if self._looked is None or name not in self._seen:
            return False
        return self._looked - self._seen[name][1] > self.grace_s


class Pulse:
    """A thread that gives signs of life, and gives back what silent workers hold; a context."""

    def __init__(
        self,
        name: WorkerName,
        board: optuna.Study,
        studies: Callable[[], list[optuna.Study]],
        *,
        grace_s: float,
        give_back: Callable[[optuna.Study, FrozenTrial], None],
        tell: Callable[[], dict[str, Any]] = dict,
        heed: Callable[[Mapping[str, Any]], None] = lambda signs: None,
    ) -> None:
        """`board` has the signs as attributes; `tell` says more with each, `heed` hears them."""
        self.name = str(name)
        self.board = board
        self.studies = studies
        self.beat_s = min(BEAT_S, grace_s / 6)
        self.silence = Silence(grace_s)
        self._give_back = give_back
        self._tell = tell
        self._heed = heed
        self._count = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.beat()  # before it takes a trial
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self.beat_s):
            try:
                self.beat()
                self.watch()
            except Exception as error:  # the work itself meets what is wrong, and tells of it
                self.trouble = error

    def beat(self) -> None:
        """Give a sign of life, and heed those of the others."""
        self._count += 1
        self.board.set_user_attr(self.name, {"count": self._count, **self._tell()})
        signs = self.board.user_attrs
        self.silence.look(signs, time.monotonic())
        self._heed(signs)

    def watch(self) -> None:
        """Give back the trials of those who are silent, and of nobody."""
        orphans: dict[str, str] = {}
        lost: list[tuple[optuna.Study, FrozenTrial]] = []
        for study in self.studies():
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                name = str(trial.user_attrs.get(HOLDER))
                if not self.silence.knows(name):  # who took it died before it said so
                    name = f"{study.study_name} trial {trial.number}"
                    orphans[name] = "running"
                if self.silence.is_silent(name):
                    lost.append((study, trial))
        if orphans:
            self.silence.look(orphans, time.monotonic())
        for study, trial in lost:
            self._give_back(study, trial)
