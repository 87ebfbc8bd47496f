"""Input shapes of the members of a space."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from blocks import Shape
from nas.spec.definition import InputSpec
from nas.spec.domain import Choice, Range, Trial, Widths
from nas.spec.load import Document, show
from nas.spec.parse import parse_domain
from nas.spec.validate import validate_at

MAX_INPUTS = 2_000
NO_WIDTHS = Widths(1, 1)


@dataclass(frozen=True)
class InputTemplate:
    """Channels, and heights with widths or whole sizes."""

    channels: Choice | Range
    height: Choice | Range | None = None
    width: Choice | Range | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    """`(height, width)` pairs, instead of heights and widths."""

    def sample(self, trial: Trial) -> InputSpec:
        """One input."""
        channels = self.channels.sample(trial, "input.channels", NO_WIDTHS).value
        if self.height is None or self.width is None:
            last = len(self.sizes) - 1
            position = trial.suggest_int("input.size.position", 0, last) if last else 0
            height, width = self.sizes[position]
        else:
            height = _whole(self.height.sample(trial, "input.height", NO_WIDTHS).value)
            width = _whole(self.width.sample(trial, "input.width", NO_WIDTHS).value)
        return InputSpec.model_validate({"channels": channels, "height": height, "width": width})

    def shapes(self) -> tuple[Shape, ...]:
        """Every `(C, H, W)` that can be drawn."""
        sizes = self.sizes or tuple(product(_all(self.height), _all(self.width)))
        return tuple((c, *size) for c in _all(self.channels) for size in sizes)


def _all(domain: Choice | Range | None) -> list[int]:
    return [_whole(drawn.value) for drawn in domain.values(NO_WIDTHS)] if domain else []


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def parse_input(document: Document, data: dict[str, Any]) -> InputTemplate:
    """The input, whose sides may be choices. Raises NasError for a side that no input can have."""
    if "size" in data:
        return _parse_sizes(document, data)
    sides = {
        name: parse_domain(document, ("input", name), data[name], symbols=False) for name in data
    }
    first = {name: domain.values(NO_WIDTHS)[0].value for name, domain in sides.items()}
    validate_at(InputSpec, document, ("input",), first)
    for name, domain in sides.items():
        for drawn in domain.values(NO_WIDTHS):
            validate_at(InputSpec, document, ("input",), first | {name: drawn.value})
    template = InputTemplate(sides.get("channels", Choice((3,))), sides["height"], sides["width"])
    _check_number(document, [len(domain.values(NO_WIDTHS)) for domain in sides.values()])
    return template


def _check_number(document: Document, lengths: Sequence[int]) -> None:
    if prod(lengths) > MAX_INPUTS:
        problem = f"{prod(lengths)} different inputs; at most {MAX_INPUTS} are allowed"
        raise document.error(("input",), problem)


def _parse_sizes(document: Document, data: dict[str, Any]) -> InputTemplate:
    """The input as `{channels, size: [[height, width], ...]}`."""
    for name in data:
        if name not in ("channels", "size"):
            raise document.error(("input", name), "beside size only channels may stand")
    written, key = data.get("channels", 3), ("input", "channels")
    channels = parse_domain(document, key, written, symbols=False)
    sizes = data["size"]
    if not isinstance(sizes, list) or not sizes:
        problem = f"a list of [height, width] pairs, not {show(sizes)}"
        raise document.error(("input", "size"), problem)
    _check_number(document, [len(channels.values(NO_WIDTHS)), len(sizes)])
    pairs: list[tuple[int, int]] = []
    for index, pair in enumerate(sizes):
        pairs.append(_parse_pair(document, index, pair, channels))
        if pairs[-1] in pairs[:-1]:
            raise document.error(("input", "size", index), f"{show(pair)} stands here twice")
    return InputTemplate(channels, sizes=tuple(pairs))


def _parse_pair(
    document: Document, index: int, pair: Any, channels: Choice | Range
) -> tuple[int, int]:
    key = ("input", "size", index)
    if not isinstance(pair, list) or len(pair) != 2:
        raise document.error(key, f"a [height, width] pair, not {show(pair)}")
    for drawn in channels.values(NO_WIDTHS):
        sides = {"channels": drawn.value, "height": pair[0], "width": pair[1]}
        validate_at(InputSpec, document, key, sides)
    return pair[0], pair[1]
