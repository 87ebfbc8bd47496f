"""Score of a network: an expression over named quantities."""

import ast
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nas.errors import NasError, did_you_mean

FIRST_METRICS = ("macro_f1", "f1_50")
"""Primary metrics of the tasks, each known for its own task only; `metric` is the primary metric
of every task."""
ACCURACY = "accuracy"
"""Share of correct predictions; not every task has it."""
QUANTITIES = ("macs", "parameters", "metric", *FIRST_METRICS, ACCURACY)
NAMED_SCORES = {
    # Score of the competition that the shufflenet space comes from: cost relative to a reference
    # network of 13,863,553 MACs, error relative to its F1 of 0.8342, with a cliff at 0.5.
    "pstage4": (
        "macs / 13863553 + (1 if metric < 0.5 else "
        "1 - metric / 0.8342 if metric < 0.8342 else 0.5 * (1 - metric / 0.8342))"
    ),
    "most_accurate": "-metric",
}

_FUNCTIONS: dict[str, tuple[Callable[..., float], int, int]] = {
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "abs": (abs, 1, 1),
    "log": (math.log, 1, 2),
    "log2": (math.log2, 1, 1),
    "log10": (math.log10, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
}
"""Each with how many arguments it takes, at least and at most."""
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: math.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_MAX_LENGTH = 2_000
_MAX_DEPTH = 60


@dataclass(frozen=True)
class Score:
    """An expression such as `macs / 1e7 - metric`; the lower the better."""

    expression: str

    def __call__(self, quantities: Mapping[str, float]) -> float:
        """The score of a network. Raises NasError where it has no finite value, as with log(0)."""
        try:
            value = float(_evaluate(_parse(self.expression), quantities))
            if not math.isfinite(value):
                raise ValueError(f"the result is {value}")
        except (ArithmeticError, ValueError) as error:
            given = ", ".join(
                f"{name}={quantities[name]}" for name in QUANTITIES if name in quantities
            )
            problem = f"the score {_short(self.expression)} has no value at {given}: {error}"
            raise NasError(problem) from error
        return value

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it names by their own names, which not every task has."""
        parts = ast.walk(_parse(self.expression))
        names = {part.id for part in parts if isinstance(part, ast.Name)}
        return tuple(name for name in (*FIRST_METRICS, ACCURACY) if name in names)


def parse_score(text: str) -> Score:
    """The score of that name, or of that expression.

    Allowed are numbers, `macs`, `parameters`, `metric` (the task's primary one) or its own name,
    `accuracy`, + - * / **, comparisons, and/or/not, `a if b else c`, min, max, abs, log, log2,
    log10, sqrt and exp. Raises NasError for anything else.
    """
    expression = NAMED_SCORES.get(text, text)
    _check(_parse(expression), expression)
    return Score(expression)


def _short(expression: str) -> str:
    return repr(expression if len(expression) <= 60 else expression[:57] + "...")


@lru_cache(maxsize=64)
def _parse(expression: str) -> ast.expr:
    if len(expression) > _MAX_LENGTH:
        raise NasError(f"a score has at most {_MAX_LENGTH} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on its own syntax
            return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise NasError(f"the score {_short(expression)} is no expression: {reason}") from error


def _check(node: ast.expr, expression: str) -> None:
    """Raises NasError for a part that is not allowed."""
    parts: list[tuple[ast.AST, int]] = [(node, 1)]
    while parts:
        part, depth = parts.pop()
        if depth > _MAX_DEPTH:
            raise NasError(f"the score {_short(expression)} is nested deeper than {_MAX_DEPTH}")
        if isinstance(part, ast.Name):
            _check_name(part.id)
        elif not _allowed(part):
            problem = f"has a part that is not allowed: {_text(part)}"
            raise NasError(f"the score {_short(expression)} {problem}")
        children: Iterable[ast.AST] = ast.iter_child_nodes(part)
        if isinstance(part, ast.Call):
            children = part.args
        parts += [(child, depth + 1) for child in children]


def _check_name(name: str) -> None:
    if name not in QUANTITIES:
        near = did_you_mean(name, (*QUANTITIES, *_FUNCTIONS, *NAMED_SCORES))
        problem = "needs its arguments in brackets" if name in _FUNCTIONS else "is no quantity"
        raise NasError(f"{_short(name)} {problem}{near}")


def _allowed(part: ast.AST) -> bool:
    if isinstance(part, ast.Constant):
        return isinstance(part.value, int | float)
    if isinstance(part, ast.Call):
        return _allowed_call(part)
    if isinstance(part, ast.operator):
        return type(part) in _BINARY
    if isinstance(part, ast.cmpop):
        return type(part) in _COMPARE
    return isinstance(
        part,
        ast.BinOp | ast.UnaryOp | ast.IfExp | ast.Compare | ast.BoolOp
        | ast.UAdd | ast.USub | ast.Not | ast.And | ast.Or | ast.Load,
    )  # fmt: skip


def _allowed_call(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Name) or call.func.id not in _FUNCTIONS or call.keywords:
        return False
    _, least, most = _FUNCTIONS[call.func.id]
    return least <= len(call.args) <= most


def _text(part: ast.AST) -> str:
    try:
        return ast.unparse(part)[:60]
    except (RecursionError, ValueError):
        return type(part).__name__


def _evaluate(node: ast.expr, names: Mapping[str, float]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise NasError(f"the score needs {node.id!r}, which is not known here")
        return names[node.id]
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_evaluate(node.left, names), _evaluate(node.right, names))
    if isinstance(node, ast.UnaryOp):
        return _unary(node, names)
    if isinstance(node, ast.IfExp):
        return _evaluate(node.body if _evaluate(node.test, names) else node.orelse, names)
    if isinstance(node, ast.BoolOp):
        every = all if isinstance(node.op, ast.And) else any
        return every(_evaluate(value, names) for value in node.values)
    if isinstance(node, ast.Compare):
        return _compare(node, names)
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    function, _, _ = _FUNCTIONS[node.func.id]
    return function(*(_evaluate(argument, names) for argument in node.args))


def _unary(node: ast.UnaryOp, names: Mapping[str, float]) -> Any:
    value = _evaluate(node.operand, names)
    if isinstance(node.op, ast.Not):
        return not value
    return -value if isinstance(node.op, ast.USub) else value


def _compare(node: ast.Compare, names: Mapping[str, float]) -> bool:
    left = _evaluate(node.left, names)
    for operator, right_node in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(right_node, names)
        if not _COMPARE[type(operator)](left, right):
            return False
        left = right
    return True
