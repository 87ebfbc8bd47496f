"""The X-ray tables of `baselines/README.md`: big baselines and compact networks on the same folds.

It reads what `nas covid pool --out` and `nas baseline ... --folds` wrote, and trains nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import click

from baselines.covid.classifiers import BACKBONES, backbone_cost
from baselines.covid.detectors import DETECTORS, detector_cost
from baselines.covid.published import PUBLISHED_DETECTIONS, PUBLISHED_STUDIES
from benchmarks.covid_runs import MeasuredFolds, read_folds
from benchmarks.marked_place import show_table
from benchmarks.program import Program
from nas.data.xray.preprocess import XrayLabels
from nas.errors import NasError
from nas.macs.count import MacsReport
from nas.spec.quantity import count_text
from nas.text_table import UNKNOWN

_TITLES: dict[XrayLabels, str] = {
    "study": "Classes of studies (negative, typical, indeterminate, atypical)",
    "opacity": "Opacity or none, by image",
    "boxes": "Boxes of opacities",
}
_METRICS: dict[XrayLabels, dict[str, str]] = {
    "study": {"macro_f1": "macro-F1", "mean_auc": "AUC", "voc_map": "mAP"},
    "opacity": {"macro_f1": "macro-F1", "mean_auc": "AUC", "ap_none": "AP of none"},
    "boxes": {"f1_50": "F1 at IoU 0.5", "ap_opacity": "AP of opacity", "map_50": "mAP with none"},
}
_BEFORE = ("network", "figures of", "setting")
_BEHIND = ("MACs", "parameters", "minutes a fold")


@dataclass(frozen=True)
class _Row:
    """One line; costs in numbers, to be sorted by."""

    name: str
    origin: str
    setting: str
    figures: tuple[str, ...]
    macs: int
    parameters: int | None
    minutes: str = UNKNOWN


def markdown_tables(measured: Sequence[MeasuredFolds]) -> str:
    """A table for each kind of labels, the dearest networks first, ours before the diary's.

    Raises NasError for folds on other data or other folds than the first.
    """
    for item in measured[1:]:
        if (item.data, item.folds) != (measured[0].data, measured[0].folds):
            raise NasError(f"has other data or folds than {measured[0].file}", file=item.file)
    return "\n".join(_table(labels, measured) for labels in _TITLES)


def _table(labels: XrayLabels, measured: Sequence[MeasuredFolds]) -> str:
    metrics = _METRICS[labels]
    rows = [_measured_row(item, metrics) for item in measured if item.labels == labels]
    rows += _published_boxes() if labels == "boxes" else _published_studies(labels)
    rows.sort(key=lambda row: -row.macs)  # stable: ours stay before theirs
    head = (*_BEFORE, *metrics.values(), *_BEHIND)
    rule = ("---",) * len(_BEFORE) + ("---:",) * (len(head) - len(_BEFORE))
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *map(_cells, rows))]
    return f"**{_TITLES[labels]}**\n\n" + "\n".join(lines) + "\n"


def _cells(row: _Row) -> tuple[str, ...]:
    macs = count_text(row.macs) if row.macs else UNKNOWN
    cost = (macs, count_text(row.parameters), row.minutes)
    return (row.name, row.origin, row.setting, *row.figures, *cost)


def _measured_row(item: MeasuredFolds, metrics: dict[str, str]) -> _Row:
    first, *others = metrics
    spread = f", folds {mean(item.by_fold):.3f} ± {stdev(item.by_fold):.3f}"
    figures = [f"{_with_interval(item, first)}{spread}"]
    figures += [_with_interval(item, name) for name in others]
    return _Row(
        f"**{item.name}**" if item.model is None else item.name,
        "here",
        item.setting,
        tuple(figures),
        item.macs,
        item.parameters,
        f"{item.minutes_per_fold:.1f} ({item.machine})",
    )


def _with_interval(item: MeasuredFolds, name: str) -> str:
    pooled = item.pooled
    if name == "ap_none":
        value, interval = pooled["per_class_ap"]["none"], pooled["per_class_ap_ci95"]["none"]
    else:
        value, interval = pooled[name], pooled[f"{name}_ci95"]
    if value is None:
        return UNKNOWN
    bounds = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
    return f"{value:.4f}{bounds}"


def _published_studies(labels: XrayLabels) -> Iterator[_Row]:
    costs = _Costs(lambda name: backbone_cost(BACKBONES[name]) if name in BACKBONES else None)
    for row in PUBLISHED_STUDIES:
        if row.labels == labels:
            figures = (UNKNOWN, _figure(row.auc), _figure(row.voc_map))
            setting = row.setting + (f"; LB {row.leaderboard:g}" if row.leaderboard else "")
            yield costs.row(row.model, row.version, setting, figures)


def _published_boxes() -> Iterator[_Row]:
    costs = _Costs(lambda name: detector_cost(DETECTORS[name]) if name in DETECTORS else None)
    for row in PUBLISHED_DETECTIONS:
        loss = f"; training loss {row.train_loss:g}" if row.train_loss else ""
        figures = (UNKNOWN, _figure(row.opacity_map), UNKNOWN)
        yield costs.row(row.model, row.version, row.setting + loss, figures)


class _Costs:
    """Published rows with what their networks cost, each counted once."""

    def __init__(self, count: Callable[[str], MacsReport | None]) -> None:
        self._count = count
        self._known: dict[str, MacsReport | None] = {}

    def row(self, model: str, version: str, setting: str, figures: tuple[str, ...]) -> _Row:
        """A row of the diary's."""
        if model not in self._known:
            self._known[model] = self._count(model)
        cost = self._known[model]
        name, origin = model or "not told", f"diary, {version}"
        if cost is None:
            return _Row(name, origin, setting, figures, 0, None)
        return _Row(name, origin, setting, figures, cost.total, cost.parameters)


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


BEGIN = "<!-- runs: python -m benchmarks.covid_table -->"


@click.command(cls=Program)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), help="Put it into this file's place.")
def main(files: tuple[Path, ...], write: Path | None) -> None:
    """Print Markdown tables of measured folds (FILES, as folds.json) and of published figures."""
    tables = markdown_tables([read_folds(file) for file in files])
    show_table(tables, write, BEGIN)


if __name__ == "__main__":
    main()
