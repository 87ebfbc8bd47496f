"""A network's cost as text, Markdown, CSV or JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from nas.macs.conventions import OURS, Comparison
from nas.macs.count import MacsReport
from nas.macs.kinds import WHY
from nas.spec.quantity import count_text
from nas.text_table import aligned


def fact_text(name: str, value: float) -> str:
    """`1.55 M MACs per audio second` of `macs_per_audio_second`."""
    words = name.replace("_", " ")
    if words.startswith("macs "):
        return f"{count_text(round(value))} MACs {words.removeprefix('macs ')}"
    return f"{value:.4g} {words}"


_JSON_COUNTERS = ("fvcore", "ptflops", "ptflops_aten")
_LAYER_WIDTHS = (31, 19)
"""Largest widths of a layer's name and block, in characters, so that a row fits into 100."""
_HEADINGS = ("layer", "block", "output", "parameters", "MACs", "share")

Cells = Sequence[str]
Facts = Mapping[str, float]
"""Further costs of the network by name, with the unit in the name."""
NO_FACTS: Facts = MappingProxyType({})


def as_json(
    report: MacsReport, comparison: Comparison | None = None, facts: Facts = NO_FACTS
) -> str:
    """One JSON object with exact numbers."""
    content: dict[str, Any] = {
        "macs": report.total,
        **facts,
        "parameters": report.parameters,
        "peak_activation_bytes": report.peak_activation_bytes,
        **{f"{name}_bytes": size for name, size in asdict(report.memory).items()},
        "input": list(report.input),
        "layers": [
            {
                "name": layer.name,
                "block": layer.block,
                "output": list(layer.output),
                "macs": layer.macs,
                "parameters": layer.parameters,
            }
            for layer in report.layers
        ],
    }
    if report.assumed:
        content["assumed"] = list(report.assumed)
    if comparison is not None:
        content["counters"] = {name: comparison.totals.get(name) for name in _JSON_COUNTERS}
        if comparison.failed:
            content["counters_failed"] = dict(comparison.failed)
    return json.dumps(content, indent=2, allow_nan=False)


def as_csv(report: MacsReport) -> str:
    """One row a layer with exact numbers, output shapes as CxHxW."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "block", "output", "macs", "parameters"))
    for layer in report.layers:
        output = _shape(layer.output)
        writer.writerow((layer.name, layer.block, output, layer.macs, layer.parameters))
    return text.getvalue().rstrip("\n")


def as_text(
    report: MacsReport, comparison: Comparison | None = None, facts: Facts = NO_FACTS
) -> str:
    """Tables for a terminal of 100 columns."""
    lines = [f"input {_shape(report.input)}", ""]
    rows = [
        tuple(_shortened(cell, width) for cell, width in zip(row[:2], _LAYER_WIDTHS, strict=True))
        + row[2:]
        for row in _layer_rows(report)
    ]
    lines += _ruled(_HEADINGS, rows, left=3)
    lines += ["", *_totals(report, facts)]
    if comparison is not None:
        headings, counter_rows = _counter_table(comparison)
        lines += ["", "The same network by other counters:", ""]
        lines += _ruled(headings, counter_rows, left=1)
        lines += ["", *(f"{kind}: {why}" for kind, why in _reasons(comparison))]
        lines += [f"{name} can't count it: {why}" for name, why in comparison.failed.items()]
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(
    report: MacsReport, comparison: Comparison | None = None, facts: Facts = NO_FACTS
) -> str:
    """The same tables in Markdown."""
    lines = [f"Input {_shape(report.input)}.", ""]
    lines += _markdown(_HEADINGS, _layer_rows(report), left=3)
    lines += ["", *(f"- {line}" for line in _totals(report, facts))]
    if comparison is not None:
        headings, rows = _counter_table(comparison)
        lines += ["", *_markdown(headings, rows, left=1), ""]
        lines += [f"- {kind}: {why}" for kind, why in _reasons(comparison)]
        lines += [f"- {name} can't count it: {why}" for name, why in comparison.failed.items()]
    return "\n".join(lines)


def _layer_rows(report: MacsReport) -> list[tuple[str, ...]]:
    return [
        (
            layer.name,
            layer.block,
            _shape(layer.output),
            count_text(layer.parameters),
            count_text(layer.macs),
            f"{layer.macs / report.total:.1%}" if report.total else "",
        )
        for layer in report.layers
    ]


def _totals(report: MacsReport, facts: Facts) -> list[str]:
    memory = report.memory
    return [
        f"MACs {count_text(report.total)} ({report.total:,}): multiply-adds of one sample",
        *(f"counted: {words}" for words in report.assumed),
        *(fact_text(name, value) for name, value in facts.items()),
        f"parameters {count_text(report.parameters)} ({report.parameters:,})",
        f"flash {_sizes(memory.flash_int8, memory.flash_float32)}: the weights on a device, "
        "batch-norm folded",
        f"RAM {_sizes(memory.ram_int8, memory.ram_float32)}: the most of one sample's activations "
        "alive at once",
    ]


def _sizes(int8: int, float32: int) -> str:
    return f"{count_text(int8, 'B')} at int8, {count_text(float32, 'B')} at float32"


def _counter_table(comparison: Comparison) -> tuple[Cells, list[tuple[str, ...]]]:
    """One row a kind of op, exact, so that each column adds up to its last row but one."""
    names = list(comparison.totals)
    rows = [
        (kind.value, *(f"{comparison.amounts[name][kind]:,}" for name in names))
        for kind in comparison.kinds()
    ]
    ours = comparison.totals[OURS]
    rows.append(("total", *(f"{comparison.totals[name]:,}" for name in names)))
    if ours:
        rows.append(("to ours", *(f"{comparison.totals[name] / ours - 1:+.2%}" for name in names)))
    return ("kind of op", *names), rows


def _reasons(comparison: Comparison) -> list[tuple[str, str]]:
    """The reason for each kind of op on which the counters disagree."""
    differing = [
        kind
        for kind in comparison.kinds()
        if len({amounts[kind] for amounts in comparison.amounts.values()}) > 1
    ]
    return [(kind.value, WHY[kind]) for kind in differing]


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else "..." + text[3 - width :]


def _ruled(headings: Cells, rows: Sequence[Cells], left: int) -> list[str]:
    """Rows as text under a ruled line; the first `left` columns are flush left."""
    head, *body = aligned([headings, *rows], left=range(left))
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    return [head, "  ".join("-" * width for width in widths), *body]


def _markdown(headings: Cells, rows: Sequence[Cells], left: int) -> list[str]:
    rule = ["---" if place < left else "---:" for place in range(len(headings))]
    return ["| " + " | ".join(cells) + " |" for cells in (headings, rule, *rows)]
