"""A tabular benchmark as a problem: what every network of a space came out at, from a JSON file.

The file is a mapping from key to entry, or a list of entries with their `params`. An entry has

- `accuracy` or `mean_acc`: mean metric, 0 to 1, or in % if any entry of the file is above 1;
- `macs`, `flops` or `cost`: the cost;
- `test_acc` or `accuracies` (optional): the metric of each single training, for `noisy`;
- `params` (in a list; in a mapping instead of reading the key): name to number, text or boolean.

A key is a string of digits, one an ordered choice (NAS-Bench-Macro: Su et al., CVPR 2021), or a
cell `|op~0|+|op~0|op~1|+...`, one categorical choice an edge (NAS-Bench-201: Dong and Yang, ICLR
2020). Parameters whose values are all numbers are ordered and drawn as the place among those
values; others are categorical. Combinations that the file lacks are no members of the space.
"""

import json
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.efficiency.problem import Params, Problem, exactly
from nas.errors import NasError

METRICS = ("accuracy", "mean_acc")
COSTS = ("macs", "flops", "cost")
TRAININGS = ("test_acc", "accuracies")
MACRO_STAGES = (2, 3, 3)
"""Layers of each stage of NAS-Bench-Macro."""

Combination = tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """One network of a table."""

    cost: float
    metric: float
    """Mean, 0 to 1."""
    trainings: tuple[float, ...]
    """Metric of each training, 0 to 1; the mean alone where the file has no more."""


def load_table(path: Path, *, noisy: bool = False) -> Problem:
    """The problem of a file; `noisy` observes one training instead of the mean of all.

    Raises NasError naming the file and the entry that is wrong.
    """
    entries = _entries(path)
    params = {key: _params(path, key, entry) for key, entry in entries.items()}
    names = _names(path, params)
    scale = _scale(path, entries)
    rows: dict[Combination, Row] = {}
    for key, entry in entries.items():
        combination = tuple(params[key][name] for name in names)
        if combination in rows:
            raise NasError("the same parameters a second time", file=path, key=key)
        rows[combination] = _row(path, key, entry, scale)
    return _problem(path, names, rows, noisy)


def _entries(path: Path) -> dict[str, Any]:
    """Entries by their key; those of a list by their place, `[0]`, `[1]`, ..."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NasError(f"can't be read: {error}", file=path) from error
    except json.JSONDecodeError as error:
        raise NasError(f"no JSON: {error.msg}", file=path, line=error.lineno) from error
    if isinstance(document, list):
        document = {f"[{place}]": entry for place, entry in enumerate(document)}
    if not isinstance(document, dict) or not document:
        raise NasError("expected a mapping or a list of networks, with one at least", file=path)
    for key, entry in document.items():
        if not isinstance(entry, dict):
            raise NasError(f"expected a mapping, not {entry!r}", file=path, key=key)
    return document


def _params(path: Path, key: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    given = entry.get("params")
    if isinstance(given, dict):  # in NAS-Bench-Macro `params` is a number of parameters
        for name, value in given.items():
            if not isinstance(value, str | int | float) or value != value:  # NaN
                raise NasError(f"{name}: expected a plain value, not {value!r}", file=path, key=key)
        return given
    if key.isdecimal() and key.isascii():
        return {f"layer{place}": int(digit) for place, digit in enumerate(key)}
    edges = [edge for node in key.split("+") for edge in node.strip("|").split("|")]
    if key.startswith("|") and all(edge.count("~") == 1 for edge in edges):
        return {f"edge{place}": edge.split("~")[0] for place, edge in enumerate(edges)}
    raise NasError(
        "expected `params`, a key of digits, or a cell `|op~0|+|op~0|op~1|`", file=path, key=key
    )


def _names(path: Path, params: Mapping[str, Mapping[str, Any]]) -> list[str]:
    first, *others = params
    names = list(params[first])
    if not names:
        raise NasError("no parameters", file=path, key=first)
    for key in others:
        if set(params[key]) != set(names):
            raise NasError(
                f"has the parameters {sorted(params[key])}, {first} has {sorted(names)}",
                file=path,
                key=key,
            )
    return names


def _scale(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> float:
    """What turns the file's metric into 0..1."""
    highest = max(_number(path, key, entry, METRICS) for key, entry in entries.items())
    return 0.01 if highest > 1 else 1.0


def _number(path: Path, key: str, entry: Mapping[str, Any], names: tuple[str, ...]) -> float:
    for name in names:
        if name in entry:
            value = entry[name]
            good = isinstance(value, int | float) and not isinstance(value, bool)
            if not good or not math.isfinite(value) or value < 0:
                raise NasError(f"{name}: expected a number, not {value!r}", file=path, key=key)
            return float(value)
    raise NasError(f"has none of {', '.join(names)}", file=path, key=key)


def _row(path: Path, key: str, entry: Mapping[str, Any], scale: float) -> Row:
    cost = _number(path, key, entry, COSTS)
    if cost <= 0:
        raise NasError(f"a cost of {cost:g}; expected more than 0", file=path, key=key)
    metric = _number(path, key, entry, METRICS) * scale
    if metric > 1:
        raise NasError(f"a metric of {metric / scale:g} %", file=path, key=key)
    trainings = next((entry[name] for name in TRAININGS if name in entry), [metric / scale])
    if not isinstance(trainings, list) or not trainings:
        raise NasError(f"expected a list of trainings, not {trainings!r}", file=path, key=key)
    values = [_number(path, key, {"training": value}, ("training",)) for value in trainings]
    return Row(cost, metric, tuple(value * scale for value in values))


def _problem(path: Path, names: list[str], rows: Mapping[Combination, Row], noisy: bool) -> Problem:
    columns = dict(zip(names, map(set, zip(*rows, strict=True)), strict=True))
    values = {name: sorted(column) for name, column in columns.items() if _ordered(column)}
    categories = {name: sorted(column, key=str) for name, column in columns.items()}

    def define(trial: Any) -> None:
        for name in names:
            if name in values:
                trial.suggest_int(name, 0, len(values[name]) - 1)
            else:
                trial.suggest_categorical(name, categories[name])

    def combination(params: Params) -> Combination:
        return tuple(values[n][params[n]] if n in values else params[n] for n in names)

    def cost(params: Params) -> float:
        row = rows.get(combination(params))
        return math.inf if row is None else row.cost

    def metric(params: Params) -> float:
        return rows[combination(params)].metric

    def one_training(params: Params, generator: np.random.Generator) -> float:
        trainings = rows[combination(params)].trainings
        return trainings[int(generator.integers(len(trainings)))]

    identity = _macro_identity if _is_macro(columns) else _itself
    return Problem(
        name=path.stem + (" (single trainings)" if noisy else ""),
        define=define,
        cost=cost,
        metric=metric,
        key=lambda params: identity(combination(params)),
        observe=one_training if noisy else exactly(metric),
    )


def _ordered(column: set[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in column)


def _is_macro(columns: Mapping[str, set[Any]]) -> bool:
    return len(columns) == sum(MACRO_STAGES) and all(
        name.startswith("layer") and column == {0, 1, 2} for name, column in columns.items()
    )


def _macro_identity(layers: Combination) -> Hashable:
    """The layers with identities at the end of their stage.

    The first layer of a stage stays: its identity is a 1x1 convolution. 6,561 keys are 3,969
    networks.
    """
    network: list[Any] = []
    start = 0
    for length in MACRO_STAGES:
        first, *rest = layers[start : start + length]
        network += [first, *sorted(rest, key=lambda layer: layer == 0)]
        start += length
    return tuple(network)


def _itself(combination: Combination) -> Hashable:
    return combination
