"""Cross-validation as a person is shown it, and as a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import torch

from nas.files import atomic_write_text
from nas.report.evaluation import evaluation_lines
from nas.report.tables import metric_text, metric_title
from nas.tasks.registry import task_named
from nas.text_table import aligned
from nas.train.pooled import PooledFolds, pool_folds


def pool_and_show(
    runs: Sequence[Path], device: torch.device, out: Path | None = None
) -> PooledFolds:
    """Measure the folds, print a line for each and the metrics of all; with `out` write them too.

    Raises NasError as `pool_folds` does.
    """
    pooled = pool_folds(runs, device)
    click.echo("\n".join(pooled_lines(pooled)))
    if out is not None:
        atomic_write_text(out, json.dumps(pooled_values(pooled), indent=2) + "\n")
        click.echo(f"written to {out}")
    return pooled


def pooled_lines(pooled: PooledFolds) -> list[str]:
    """A line a fold, their mean and deviation, then what is known of all images together."""
    metric = task_named(pooled.task).primary_metric
    values = [fold.test.primary for fold in pooled.folds]
    rows = [("fold", metric_title(metric), "run")]
    rows += [
        (str(fold.fold), metric_text(fold.test.primary), str(fold.run)) for fold in pooled.folds
    ]
    title = "all folds" if pooled.complete else f"{len(values)} folds"
    return [
        *aligned(rows, left=(2,)),
        f"mean {metric_text(mean(values))}, standard deviation {metric_text(stdev(values))}",
        *_choice_lines(pooled),
        "",
        f"The test splits of {title} as one, each image by the network that has not seen it:",
        "",
        *evaluation_lines(title, metric, pooled.pooled),
    ]


def _choice_lines(pooled: PooledFolds) -> list[str]:
    """What the search that chose the network knows of the images, if it was chosen on some."""
    if not pooled.found_on:
        return []
    folds = " and ".join(map(str, pooled.found_on))
    return [
        f"The network was chosen on the splits of fold {folds}: its choice knows test images of "
        "the other folds, its weights don't."
    ]


def pooled_values(pooled: PooledFolds) -> dict[str, Any]:
    """Plain values under full names."""
    return {
        "task": pooled.task,
        "data": pooled.source,
        "complete": pooled.complete,
        "pooled": pooled.pooled.with_intervals(),
        "folds": [
            {
                "run": str(fold.run.resolve()),
                "fold": fold.fold,
                "found_on": fold.found_on,
                "test": fold.test.with_intervals(),
            }
            for fold in pooled.folds
        ],
    }
