"""All backbones as plain text: what each costs, and what its authors published of it."""

import torch

from baselines.sed.backbones import BACKBONES, Backbone
from baselines.sed.published import (
    PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP,
    PublishedRun,
    published_runs,
)
from baselines.sed.settings import INPUT, baseline_architecture
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.spec.preprocess import MelPreprocess
from nas.spec.quantity import UNKNOWN, count_text
from nas.text_table import aligned

RFCX_CLASSES = tuple(f"s{index}" for index in range(24))
_HEAD = ("backbone", "MACs", "parameters", "LWLRAP", "precision", "recall", "LB", "published as")


def listing() -> list[str]:
    """A line for each published setting of each backbone, its cost counted on one window.

    Raises NasError if timm is not installed.
    """
    rows = [row for backbone in BACKBONES.values() for row in _rows(backbone)]
    size = "x".join(map(str, INPUT.shape))
    return [
        *aligned([_HEAD, *rows], left={0, 7}),
        "",
        f"MACs and parameters: one window of {size} with the head for {len(RFCX_CLASSES)} classes.",
        "LWLRAP to LB (leaderboard, LWLRAP): the authors' own, on RFCX's recordings.",
        f"* starred: the mean of these four reached LB {PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP}.",
    ]


def backbone_cost(backbone: Backbone, *, cbam: bool = False) -> MacsReport:
    """Of one window at the pipeline's own input size, with the head for 24 classes."""
    architecture = baseline_architecture(backbone, INPUT, MelPreprocess(), cbam=cbam)
    architecture = architecture.with_classes(RFCX_CLASSES)
    with torch.device("meta"):
        network = build_network(architecture)
    return count_macs(network, INPUT.shape)


def _rows(backbone: Backbone) -> list[tuple[str, ...]]:
    cost = backbone_cost(backbone)
    start = (backbone.name, count_text(cost.total), count_text(cost.parameters))
    runs = published_runs(backbone.name)
    if not runs:
        return [(*start, *[UNKNOWN] * 4, "not published")]
    return [(*(start if run is runs[0] else ("", "", "")), *_figures(run)) for run in runs]


def _figures(run: PublishedRun) -> tuple[str, ...]:
    numbers = (run.lwlrap, run.precision_50, run.recall_50, run.leaderboard_lwlrap)
    shown = [UNKNOWN if number is None else f"{number:g}" for number in numbers]
    return (*shown, f"{run.setting}{' *' if run.starred else ''}")
