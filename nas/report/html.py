"""One static page that tells what a search did and found."""

from base64 import b64encode
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from nas.files import atomic_write_bytes
from nas.report.front_plot import front_png
from nas.report.history_plot import front_curves_png
from nas.report.tables import (
    FINALIST_HEADS,
    epochs_text,
    expectation_text,
    finalist_rows,
    metric_title,
    noise_text,
    on_front,
    seconds_text,
    value_text,
)
from nas.runs.certainty import Certainty
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
class _Row:
    """A trial as the page's tables print it."""

    number: int
    state: str
    macs: str
    parameters: str
    metric: str
    architecture_hash: str
    seconds: str
    reason: str


def write_report(
    path: Path,
    *,
    title: str,
    command: str,
    data: str,
    records: Sequence[TrialRecord],
    front: Collection[int],
    best: int | None,
    chosen_because: str,
    max_macs: int | None,
    space_yaml: str,
    settings: Mapping[str, object],
    environment: Mapping[str, object],
    architectures: Mapping[int, str],
    certainty: Certainty,
    metric: str,
    cost_facts: Sequence[str] = (),
) -> None:
    """Write the report as one HTML file that needs no other file and no network, atomically.

    `front`, `best` and the keys of `architectures` (YAML texts of the front and the finalists) are
    trial numbers; `best` is one of these keys, or None. `certainty` says how well the networks are
    known, `cost_facts` what the best one costs besides MACs, `metric` what the task's first metric
    is called. `chosen_because` ends "Trial 41 was chosen because ...", without a full stop.
    """
    from jinja2 import Environment, StrictUndefined

    source = files("nas.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    counts = Counter(record.state for record in records)
    reasons = Counter(record.reason for record in records if record.state == "failed")
    curves = front_curves_png(records, front, best, metric=metric)
    page = pages.from_string(source).render(
        title=title,
        metric_title=metric_title(metric),
        trials=len(records),
        run=[("Command", command), ("Data", data)],
        settings=list(_flat(settings)),
        environment=list(_flat(environment)),
        chosen=next((_row(record) for record in records if record.number == best), None),
        chosen_because=chosen_because,
        expected=_expected(records, best, certainty, metric),
        noise=None if best is None else noise_text(certainty, best, metric=metric),
        finalists=finalist_rows(records, certainty),
        finalist_heads=FINALIST_HEADS,
        cost_facts=", ".join(cost_facts),
        max_macs=None if max_macs is None else count_text(max_macs),
        front=[_row(record) for record in on_front(records, front)],
        front_plot=_inline(
            front_png(
                records,
                front,
                best,
                max_macs=max_macs,
                repeated=certainty.repeated,
                metric=metric,
            )
        ),
        curves=None if curves is None else _inline(curves),
        counts=[(name, counts[state]) for state, name in _STATE_TITLES.items() if counts[state]],
        reasons=[(reason or "no reason given", count) for reason, count in reasons.most_common()],
        rows=[_row(record) for record in sorted(records, key=lambda record: record.number)],
        best_yaml=None if best is None else architectures[best],
        other_architectures=[
            (record.number, architectures[record.number])
            for record in on_front(records, architectures)
            if record.number != best
        ],
        space_yaml=space_yaml,
    )
    # A path that is not Unicode comes as lone surrogates: better a question mark than no report.
    atomic_write_bytes(path, page.encode("utf-8", errors="replace"))


def _expected(
    records: Sequence[TrialRecord], best: int | None, certainty: Certainty, metric: str
) -> str | None:
    chosen = next((record for record in records if record.number == best), None)
    if chosen is None:
        return None
    return expectation_text(chosen, certainty.estimates[chosen.number], metric=metric)


def _row(record: TrialRecord) -> _Row:
    return _Row(
        number=record.number,
        state=record.state.replace("_", " "),
        macs=count_text(record.macs),
        parameters=count_text(record.parameters),
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
