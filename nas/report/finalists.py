"""Finalists as people read them: what is expected of each network, and how sure that is."""

from collections.abc import Sequence

from nas.report.tables import metric_text, metric_title, on_front
from nas.runs.certainty import Certainty, Estimate
from nas.runs.trials import TrialRecord
from nas.spec.quantity import count_text
from nas.text_table import aligned

FINALIST_HEADS = ("trial", "MACs", "when found", "mean again", "at least", "each seed")


def seeds_text(count: int) -> str:
    """`1 other seed`, `2 other seeds`."""
    return f"{count} other seed{'' if count == 1 else 's'}"


def expectation_text(record: TrialRecord, estimate: Estimate, *, metric: str) -> str:
    """`macro-F1 0.6710 (0.6480 at least, 2 other seeds; measured 0.6900 when it was found)`."""
    basis = seeds_text(len(estimate.seeds)) if estimate.seeds else "by the model of the search"
    found = metric_text(record.metric)
    bound = f"{metric_text(estimate.lower)} at least, {basis}"
    return (
        f"{metric_title(metric)} {metric_text(estimate.mean)} ({bound}; measured {found} when it "
        "was found)"
    )


def noise_text(certainty: Certainty, number: int, *, metric: str) -> str:
    """How much the metric of trial `number` would differ with other seeds and other pictures."""
    noise, sample = certainty.noise, certainty.estimates[number].validation_sd
    measured = "by the model, nothing was repeated"
    if noise.degrees:
        measured = f"{noise.degrees} repeat{'' if noise.degrees == 1 else 's'}"
    return (
        f"Noise of {metric_title(metric)} (standard deviations): {metric_text(noise.sd)} by the "
        f"seed ({measured}), {metric_text(sample)} by the sample of the validation split"
    )


def finalist_rows(
    records: Sequence[TrialRecord], certainty: Certainty
) -> list[tuple[int, tuple[str, ...]]]:
    """The trial number and the cells under `FINALIST_HEADS` of each finalist, cheapest first."""
    rows: list[tuple[int, tuple[str, ...]]] = []
    for record in on_front(records, certainty.finalists):
        estimate = certainty.estimates[record.number]
        runs = [item for item in certainty.finals if item.trial == record.number]
        each = ", ".join(
            metric_text(item.metric) if item.state == "trained" else item.state for item in runs
        )
        repeated = bool(estimate.seeds)
        cells = (
            str(record.number),
            count_text(record.macs),
            metric_text(record.metric),
            metric_text(estimate.mean if repeated else None),
            metric_text(estimate.lower if repeated else None),
            each,
        )
        rows.append((record.number, cells))
    return rows


def finalist_table(records: Sequence[TrialRecord], certainty: Certainty, best: int | None) -> str:
    """The finalists as aligned plain text, cheapest first; empty where none was trained again."""
    rows = [
        (*cells, "<- best" if number == best else "")
        for number, cells in finalist_rows(records, certainty)
    ]
    if not rows:
        return ""
    return "\n".join(aligned([(*FINALIST_HEADS, ""), *rows], {5, 6}))
