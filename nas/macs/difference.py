"""Two architectures side by side: which layers differ, and what that costs."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from blocks import Shape, shapes_in
from nas.errors import NasError
from nas.macs.architecture import block_cost, count_architecture
from nas.macs.count import MacsReport
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import Step
from nas.spec.yaml_text import flow
from nas.text_table import UNKNOWN, aligned

Pair = tuple[Step | None, Step | None]
"""A layer of the first network and the one of the second in its place; None where there is none."""


def layer_pairs(first: ArchitectureSpec, second: ArchitectureSpec) -> list[Pair]:
    """The layers of both in order, head included, those that are alike side by side.

    Between layers that are alike, layers of the same block are held against each other.
    """
    one, other = ([*item.steps(), *item.head_steps()] for item in (first, second))
    return list(_paired(one, other, whole=True))


def _paired(one: Sequence[Step], other: Sequence[Step], *, whole: bool) -> Iterator[Pair]:
    """By the blocks with their settings, then what is left by the blocks' names alone."""
    keys = [_key(step, whole=whole) for step in one]
    matcher = SequenceMatcher(None, keys, [_key(step, whole=whole) for step in other], False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        left, right = one[start:end], other[other_start:other_end]
        if kind == "equal":
            yield from zip(left, right, strict=True)
        elif whole and left and right:
            yield from _paired(left, right, whole=False)
        else:
            yield from zip_longest(left, right)


def _key(step: Step, *, whole: bool) -> tuple[str, ...]:
    return (step.config.name, repr(step.config)) if whole else (step.config.name,)


def difference_lines(first: ArchitectureSpec, second: ArchitectureSpec) -> list[str]:
    """A line a layer that differs, then the costs of both networks and their change.

    A layer differs by its settings, or costs another amount as its input has another shape. Raises
    NasError for a network of another library, whose layers the architecture does not know.
    """
    for architecture in (first, second):
        if architecture.model is not None:
            raise NasError(f"{architecture.model} is another library's network", key="model")
    rows: list[tuple[str, ...]] = [
        ("layer", "block", "what differs", "out before", "out after", "MACs before", "MACs after")
    ]
    alike = 0
    for before, after in layer_pairs(first, second):
        words = _words(before, after)
        if words is None:
            alike += 1
            continue
        step = before or after
        assert step is not None
        names = dict.fromkeys(item.config.name for item in (before, after) if item is not None)
        costs = [_layer_cost(item) for item in (before, after)]
        shapes = [_shape(item.out_shape if item else None) for item in (before, after)]
        rows.append((step.name, " > ".join(names), words, *shapes, *costs))
    lines = aligned(rows, left=(0, 1, 2)) if len(rows) > 1 else ["no layer differs"]
    lines.append(f"{alike} layers are the same" if alike != 1 else "1 layer is the same")
    return [*lines, "", *_totals(count_architecture(first), count_architecture(second))]


def _words(before: Step | None, after: Step | None) -> str | None:
    """What differs of a layer; None for nothing."""
    if before is None or after is None:
        return "added" if before is None else "removed"
    if before.config.name != after.config.name:
        return "another block"
    old, new = before.config.model_dump(), after.config.model_dump()
    changed = [key for key in old if old[key] != new[key]]
    if changed:
        return ", ".join(f"{key} {flow(old[key])} > {flow(new[key])}" for key in changed)
    if before.in_shape == after.in_shape:
        return None
    return f"in {_shape(before.in_shape)} > {_shape(after.in_shape)}"


def _shape(shape: Shape | None) -> str:
    return UNKNOWN if shape is None else " + ".join("x".join(map(str, x)) for x in shapes_in(shape))


def _layer_cost(step: Step | None) -> str:
    return UNKNOWN if step is None else f"{block_cost(step.config, step.in_shape).macs:,}"


def _totals(first: MacsReport, second: MacsReport) -> list[str]:
    figures = [
        ("MACs", first.total, second.total),
        ("parameters", first.parameters, second.parameters),
        ("flash at int8, bytes", first.memory.flash_int8, second.memory.flash_int8),
        ("RAM at int8, bytes", first.memory.ram_int8, second.memory.ram_int8),
    ]
    rows = [("cost", "before", "after", "change")]
    for name, before, after in figures:
        change = f"{after / before - 1:+.1%}" if before else UNKNOWN
        rows.append((name, f"{before:,}", f"{after:,}", change))
    return aligned(rows, left=(0,))
