"""Metrics and durations in words, and the front as a plain table."""

from nas.report.findings import Findings
from nas.runs.records import Certainty, Estimate, TrialRecord
from nas.spec.quantity import count_text
from nas.text_table import UNKNOWN, aligned, metric_text

_SPOKEN_WITH_A_VOWEL = "AEFHILMNORSX"
"""Capitals whose names begin with one."""


def seconds_text(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s` or `2 h 03 min`, of a duration in seconds."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    if round(seconds) < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def epochs_text(epochs: int | None) -> str:
    """`1 epoch`, `3 epochs`."""
    if epochs is None:
        return f"{UNKNOWN} epochs"
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


def classes_text(count: int) -> str:
    """`1 class`, `4 classes`."""
    return "1 class" if count == 1 else f"{count} classes"


def value_text(record: TrialRecord) -> str:
    """A record's metric; of a stopped training the predicted one behind a `~`."""
    if record.metric is None and record.predicted is not None:
        return f"~{metric_text(record.predicted)}"
    return metric_text(record.metric)


def metric_title(metric: str) -> str:
    """A metric's name in prose: `macro-F1` of `macro_f1`."""
    from nas.tasks.registry import TASKS  # late: tasks import torch, and tables need none

    for task in TASKS.values():
        if metric in task.metric_titles:
            return task.metric_titles[metric]
    return metric.replace("_", " ")


def metric_with_article(metric: str) -> str:
    """`a macro-F1`, `an F1 at IoU 0.5`."""
    title = metric_title(metric)
    return f"{'an' if title[0] in _SPOKEN_WITH_A_VOWEL else 'a'} {title}"


def front_table(found: Findings) -> str:
    """The front as aligned plain text, of at most 100 columns where nothing but MACs is a cost.

    Cheapest first; ends without a newline.
    """
    members = found.members(found.front)
    if not members:
        return "The front is empty: no network was trained."
    more = [kind.head for kind in found.further]
    title = metric_title(found.metric)
    heads = ("trial", "MACs", "parameters", *more, title, "architecture", "time", "")
    rows = [
        (
            str(record.number),
            count_text(record.macs),
            count_text(record.parameters),
            *(kind.text(record.costs.get(kind.name)) for kind in found.further),
            metric_text(record.metric),
            record.architecture_hash or UNKNOWN,
            seconds_text(record.seconds),
            "<- best" if record.number == found.best else "",
        )
        for record in members
    ]
    left = {len(more) + 4, len(more) + 6}  # the hash and the mark; figures stand to the right
    return "\n".join(aligned([heads, *rows], left))


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
    """How much the metric of trial `number` varies with seeds and samples."""
    noise, sample = certainty.noise, certainty.estimates[number].validation_sd
    measured = "by the model, nothing was repeated"
    if noise.degrees:
        measured = f"{noise.degrees} repeat{'' if noise.degrees == 1 else 's'}"
    return (
        f"Noise of {metric_title(metric)} (standard deviations): {metric_text(noise.sd)} by the "
        f"seed ({measured}), {metric_text(sample)} by the sample of the validation split"
    )


def finalist_rows(found: Findings) -> list[tuple[int, tuple[str, ...]]]:
    """The trial number and the cells under `FINALIST_HEADS` of each finalist, cheapest first."""
    certainty = found.certainty
    rows: list[tuple[int, tuple[str, ...]]] = []
    for record in found.members(certainty.finalists):
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


def finalist_table(found: Findings) -> str:
    """The finalists as aligned plain text, cheapest first; empty where none was trained again."""
    rows = [
        (*cells, "<- best" if number == found.best else "")
        for number, cells in finalist_rows(found)
    ]
    if not rows:
        return ""
    return "\n".join(aligned([(*FINALIST_HEADS, ""), *rows], {5, 6}))
