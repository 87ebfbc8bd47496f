"""A line of a journal: what Optuna wrote there, with values of the types that a search reads."""

import json
from collections.abc import Callable
from math import isfinite
from typing import Any

from pydantic import (
    ConfigDict,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from nas.spec.load import show

Number = StrictInt | StrictFloat
_more_allowed = with_config(ConfigDict(extra="allow", strict=True))


@_more_allowed
class _StudyAttributes(TypedDict, total=False):
    data: dict[str, Any]
    space: dict[str, Any]
    deaths: dict[str, StrictStr]
    exhausted: StrictStr


@_more_allowed
class _TrialAttributes(TypedDict, total=False):
    macs: StrictInt
    parameters: StrictInt
    costs: dict[str, Number]
    architecture: StrictStr
    architecture_hash: StrictStr
    outcome: StrictStr
    reason: StrictStr | None
    seconds: Number | None
    epochs: StrictInt | None
    history: list[Number]
    short_history: list[Number]
    predicted: Number | None
    predicted_sd: Number | None
    validation_sd: Number | None
    processor_seconds: Number | None
    metrics: dict[str, Any]
    pid: StrictInt
    trial: StrictInt
    seed: StrictInt
    found_among: StrictInt | None


_OF_STUDY = TypeAdapter(_StudyAttributes)
_OF_TRIAL = TypeAdapter(_TrialAttributes)
_CREATE_TRIAL, _SET_VALUES, _LAST = 4, 6, 10
"""Optuna's operations: see `optuna.storages.journal.JournalStorage`."""
_ATTRIBUTES: dict[int, Callable[[Any], Any]] = {
    2: _OF_STUDY.validate_python,
    8: _OF_TRIAL.validate_python,
}
_NAMES_A_TRIAL = range(5, 10)


class DamagedLine(ValueError):
    """A line that no search wrote; the message says what is wrong with it."""


class LineReader:
    """Reads the lines of a journal from its beginning, one after the other."""

    def __init__(self) -> None:
        self.number = 0
        """Of the line that was read last, from 1."""
        self._trials = 0

    def read(self, line: bytes) -> dict[str, Any]:
        """The operation of the next line. Raises DamagedLine."""
        self.number += 1
        try:
            log = json.loads(line)
        except ValueError as error:
            raise DamagedLine(f"not JSON: {error}") from error
        except RecursionError as error:
            raise DamagedLine("not JSON of a journal: nested too deep") from error
        if not isinstance(log, dict) or type(log.get("op_code")) is not int:
            raise DamagedLine("no operation of a journal (op_code)")
        self._check(log, log["op_code"])
        return log

    def _check(self, log: dict[str, Any], operation: int) -> None:
        if not 0 <= operation <= _LAST:
            raise DamagedLine(f"op_code {operation} is none of 0 to {_LAST}")
        if operation == _CREATE_TRIAL:
            self._trials += 1
        elif operation in _NAMES_A_TRIAL:
            trial = log.get("trial_id")
            if type(trial) is not int:
                raise DamagedLine(f"trial_id {show(trial)} is not allowed: a whole number")
            if not 0 <= trial < self._trials:
                raise DamagedLine(f"names trial {trial}, which no line before it began")
        if operation == _SET_VALUES:
            _check_values(log.get("values"))
        if operation in _ATTRIBUTES:
            _check_attributes(log.get("user_attr"), _ATTRIBUTES[operation])


def _check_values(values: Any) -> None:
    if values is None:
        return
    if not isinstance(values, list) or not all(map(_is_number, values)):
        raise DamagedLine(f"values {show(values)} is not allowed: finite numbers in a list")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _check_attributes(attributes: Any, check: Callable[[Any], Any]) -> None:
    if not isinstance(attributes, dict):
        raise DamagedLine(f"user_attr {show(attributes)} is not allowed: one name with its value")
    try:
        check(attributes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Input ")
        raise DamagedLine(
            f"{first['loc'][0]} {show(first['input'])} is not allowed: {message}"
        ) from error
