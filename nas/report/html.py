"""The HTML report of a search: one static page."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from nas.files import atomic_write_bytes
from nas.report.findings import Findings
from nas.report.history_plot import front_curves_png
from nas.report.tables import (
    FINALIST_HEADS,
    epochs_text,
    expectation_text,
    finalist_rows,
    metric_title,
    noise_text,
    seconds_text,
    value_text,
)
from nas.runs.records import TrialRecord, TrialState
from nas.spec.quantity import count_text

_STATE_TITLES: dict[TrialState, str] = {
    "trained": "trained",
    "stopped": "stopped early; their metric is predicted",
    "duplicate": "duplicates, not trained again",
    "over_budget": "over budget, not trained",
    "failed": "failed",
    "running": "not finished",
}


@dataclass(frozen=True)
class SearchPage:
    """Content of a search's report; every text is escaped where it is shown."""

    title: str
    command: str
    """The command line that began it."""
    data: str
    """Its data, in words."""
    found: Findings
    chosen_because: str
    """Ends "Trial 41 was chosen because ...", without a full stop."""
    space_yaml: str
    settings: Mapping[str, object]
    environment: Mapping[str, object]
    architectures: Mapping[int, str]
    """YAML texts of the front, the finalists and the best, by trial number."""
    front_png: bytes | None
    """The picture of the front; None where it could not be drawn."""
    cost_facts: Sequence[str] = ()
    """Further costs of the best network."""


@dataclass(frozen=True)
class _Row:
    """A trial as the page's tables print it."""

    number: int
    state: str
    macs: str
    parameters: str
    further: tuple[str, ...]
    metric: str
    architecture_hash: str
    seconds: str
    reason: str


def write_report(path: Path, page: SearchPage) -> None:
    """Write the report as one HTML file that needs no other file and no network, atomically."""
    from jinja2 import Environment, StrictUndefined

    source = files("nas.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = pages.from_string(source).render(
        title=page.title,
        run=[("Command", page.command), ("Data", page.data)],
        settings=list(_flat(page.settings)),
        environment=list(_flat(page.environment)),
        chosen_because=page.chosen_because,
        cost_facts=", ".join(page.cost_facts),
        space_yaml=page.space_yaml,
        front_plot=None if page.front_png is None else _inline(page.front_png),
        **_findings(page.found),
        **_trials(page.found),
        **_architectures(page),
    )
    # A path that is not Unicode comes as lone surrogates: better a question mark than no report.
    atomic_write_bytes(path, text.encode("utf-8", errors="replace"))


def _findings(found: Findings) -> dict[str, object]:
    """The front, the finalists and the chosen network, in tables and pictures."""
    curves = front_curves_png(found)
    return {
        "metric_title": metric_title(found.metric),
        "cost": found.cost,
        "further": [kind.head for kind in found.further],
        "chosen": None if found.chosen is None else _row(found.chosen, found),
        "chosen_cost": None if found.chosen is None else _cost_phrase(found.chosen, found),
        "max_cost": None if found.max_cost is None else found.cost.text(found.max_cost),
        "expected": _expected(found),
        "noise": None
        if found.best is None
        else noise_text(found.certainty, found.best, metric=found.metric),
        "finalists": finalist_rows(found),
        "finalist_heads": FINALIST_HEADS,
        "front": [_row(record, found) for record in found.members(found.front)],
        "curves": None if curves is None else _inline(curves),
    }


def _cost_phrase(record: TrialRecord, found: Findings) -> str:
    """`1.86 M MACs`."""
    return found.cost.phrase(found.cost_of(record))


def _trials(found: Findings) -> dict[str, object]:
    """All trials, and how they ended."""
    records = found.records
    counts = Counter(record.state for record in records)
    reasons = Counter(record.reason for record in records if record.state == "failed")
    return {
        "trials": len(records),
        "counts": [(name, counts[state]) for state, name in _STATE_TITLES.items() if counts[state]],
        "reasons": [
            (reason or "no reason given", count) for reason, count in reasons.most_common()
        ],
        "rows": [_row(item, found) for item in sorted(records, key=lambda item: item.number)],
    }


def _architectures(page: SearchPage) -> dict[str, object]:
    texts, best = page.architectures, page.found.best
    others = [item.number for item in page.found.members(texts) if item.number != best]
    return {
        "best_yaml": None if best is None else texts[best],
        "other_architectures": [(number, texts[number]) for number in others],
    }


def _expected(found: Findings) -> str | None:
    chosen = found.chosen
    if chosen is None:
        return None
    return expectation_text(chosen, found.certainty.estimates[chosen.number], metric=found.metric)


def _row(record: TrialRecord, found: Findings) -> _Row:
    return _Row(
        number=record.number,
        state=record.state.replace("_", " "),
        macs=count_text(record.macs),
        parameters=count_text(record.parameters),
        further=tuple(kind.text(record.costs.get(kind.name)) for kind in found.further),
        metric=value_text(record),
        architecture_hash=record.architecture_hash or "",
        seconds=seconds_text(record.seconds),
        reason=_why(record),
    )


def _why(record: TrialRecord) -> str:
    if record.state == "stopped":
        return f"after {epochs_text(record.epochs)}: {record.reason}"
    return record.reason or ""


def _flat(facts: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of a dotted name and a value's text; nested mappings become several pairs."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", "none" if value is None else str(value)


def _inline(png: bytes) -> str:
    """An address that holds the picture itself."""
    return "data:image/png;base64," + b64encode(png).decode("ascii")
