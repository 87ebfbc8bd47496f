"""All big classifiers as plain text: what each costs, and what the diary published of it."""

import torch

from baselines.covid.backbones import BACKBONES, Backbone
from baselines.covid.published_study import CLOSING, PublishedStudy, published_studies
from baselines.covid.study_settings import INPUT, study_architecture
from nas.data.siim import STUDY_CLASSES
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.spec.definition import InputSpec
from nas.spec.quantity import UNKNOWN, count_text
from nas.text_table import aligned

_HEAD = ("backbone", "MACs", "parameters", "labels", "AUC", "mAP", "LB", "published as")


def study_listing() -> list[str]:
    """A line for each backbone and each published version, costs counted on one image.

    Raises NasError if timm is not installed.
    """
    rows = [row for backbone in BACKBONES.values() for row in _rows(backbone)]
    others = published_studies("")
    rows += [(*_start("not told", row is others[0]), *_figures(row)) for row in others]
    size = "x".join(map(str, INPUT.shape))
    return [
        *aligned([_HEAD, *rows], left={0, 3, 7}),
        "",
        f"MACs and parameters: one image of {size}, {len(STUDY_CLASSES)} classes.",
        "Published: the diary's own validation, on its folds of Kaggle's images. mAP is the AP of",
        "`none` for the labels opacity, the mean of the four classes for study.",
        "LB: Kaggle's public leaderboard, the study's four classes alone.",
        *CLOSING,
    ]


def backbone_cost(backbone: Backbone, size: InputSpec = INPUT) -> MacsReport:
    """Of one image, with a classifier of the study's four classes."""
    architecture = study_architecture(backbone, size).with_classes(STUDY_CLASSES)
    with torch.device("meta"):
        network = build_network(architecture)
    return count_macs(network, size.shape)


def _rows(backbone: Backbone) -> list[tuple[str, ...]]:
    cost = backbone_cost(backbone)
    start = (backbone.name, count_text(cost.total), count_text(cost.parameters))
    published = published_studies(backbone.name)
    if not published:
        return [(*start, *[UNKNOWN] * 4, "not published")]
    return [
        (*(start if row is published[0] else ("", "", "")), *_figures(row)) for row in published
    ]


def _start(name: str, shown: bool) -> tuple[str, str, str]:
    return (name, UNKNOWN, UNKNOWN) if shown else ("", "", "")


def _figures(row: PublishedStudy) -> tuple[str, ...]:
    digits = 5 if row.labels == "opacity" else 4  # as the diary wrote them
    auc = UNKNOWN if row.auc is None else f"{row.auc:.{digits}f}"
    voc_map = UNKNOWN if row.voc_map is None else f"{row.voc_map:.4f}"
    leaderboard = UNKNOWN if row.leaderboard is None else f"{row.leaderboard:g}"
    return (row.labels, auc, voc_map, leaderboard, f"{row.version}: {row.setting}")
