"""A draw that is done once for each sequence of suggested values."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Generic, TypeVar

from nas.spec.domain import Trial

Result = TypeVar("Result")


class Remembered(Generic[Result]):
    """Draws what `draw` does and asks a trial the same, but calls `draw` for new values only.

    `draw` must depend on nothing but the values that the trial suggests.
    """

    def __init__(self, draw: Callable[[Trial], Result]) -> None:
        self.draw = draw
        self._first: _Question | _Answer | None = None

    def __call__(self, trial: Trial) -> Result:
        known: dict[str, Any] = {}
        node = self._first
        while type(node) is _Question:
            known[node.arguments[0]] = value = node.ask(trial)
            node = node.following.get(value)
        if type(node) is _Answer:
            result: Result = node.result
            return result
        recorder = _Recorder(trial, known)
        result = self.draw(recorder)
        self._keep(recorder.asked, result)
        return result

    def _keep(self, asked: "list[tuple[_Question, Hashable]]", result: Result) -> None:
        if not asked:
            self._first = _Answer(result)
            return
        question = self._first if type(self._first) is _Question else asked[0][0]
        self._first = question
        for (_, value), (new, _) in pairwise(asked):
            following = question.following.setdefault(value, new)
            assert type(following) is _Question, "the draw does not follow from the values alone"
            question = following
        question.following[asked[-1][1]] = _Answer(result)


@dataclass(slots=True)
class _Question:
    """One call of a `suggest_` method, and what followed each value that it gave."""

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    following: "dict[Hashable, _Question | _Answer]" = field(default_factory=dict)

    def ask(self, trial: Trial) -> Any:
        return getattr(trial, self.method)(*self.arguments, **self.keywords)


@dataclass(slots=True)
class _Answer:
    result: Any


class _Recorder:
    """Asks a trial for what is not `known` yet, and writes down every question and value."""

    def __init__(self, trial: Trial, known: dict[str, Any]) -> None:
        self.trial = trial
        self.known = known
        self.asked: list[tuple[_Question, Hashable]] = []

    @property
    def number(self) -> int:
        return self.trial.number

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._ask(_Question("suggest_categorical", (name, choices), {}))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        value: int = self._ask(_Question("suggest_int", (name, low, high), {"step": step}))
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        value: float = self._ask(_Question("suggest_float", (name, low, high), {"step": step}))
        return value

    def _ask(self, question: _Question) -> Any:
        name = question.arguments[0]
        if name not in self.known:
            self.known[name] = question.ask(self.trial)
        self.asked.append((question, self.known[name]))
        return self.known[name]
