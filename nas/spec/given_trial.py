"""A trial whose parameters are known."""

from collections.abc import Mapping
from typing import Any


class GivenTrial:
    """Draws what is given: what sampling needs of a trial, without a study.

    Its methods raise KeyError for a parameter that is not given.
    """

    def __init__(self, params: Mapping[str, Any], number: int = 0) -> None:
        self.params = params
        self.number = number

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self.params[name]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        value: int = self.params[name]
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None
    ) -> float:
        value: float = self.params[name]
        return value
