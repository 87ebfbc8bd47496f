"""Classifiers by name: architecture, training settings, cost, published figures."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import torch

from baselines.covid.published import CLOSING, PublishedStudy, published_studies
from baselines.listing import Listed, listing
from nas.data.xray.preprocess import XrayPreprocess
from nas.data.xray.siim import STUDY_CLASSES
from nas.errors import NasError, did_you_mean
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.text_table import UNKNOWN


@dataclass(frozen=True)
class ClassifierBackbone:
    """A classifier of timm."""

    name: str
    """timm's."""
    weights: str
    """Name of the network that timm has published weights of: another one's where it has none."""

    def model(self, *, pretrained: bool) -> str:
        """As an architecture file's `model` names it."""
        return f"timm:{self.weights if pretrained else self.name}"


def _efficientnet(number: int) -> ClassifierBackbone:
    # timm's own B6 and B7 were never trained; Google's (tf_) were, and pad as TensorFlow does
    name = f"efficientnet_b{number}"
    return ClassifierBackbone(name, name if number < 6 else f"tf_{name}")


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        *(_efficientnet(number) for number in range(8)),
        ClassifierBackbone("tf_efficientnetv2_s", "tf_efficientnetv2_s"),
    )
}
"""By name: those that the diary tried, and what lies between and beyond."""


def backbone_named(name: str) -> ClassifierBackbone:
    """Raises NasError for a name that is not among `BACKBONES`."""
    if name not in BACKBONES:
        raise NasError(f"no backbone {name!r}{did_you_mean(name, BACKBONES)}", key="--backbone")
    return BACKBONES[name]


def substitute_note(backbone: ClassifierBackbone) -> str | None:
    """That another network's weights stand in for a backbone's own; None where it has some."""
    if backbone.weights == backbone.name:
        return None
    return f"timm has no weights of {backbone.name}: {backbone.weights} is trained in its place"


INPUT = InputSpec(channels=3, height=384, width=384)
"""The diary's from 003-ver10 on: at 512 pixels the AUC was no better (003-ver4)."""

LOSS = LossSpec(kind="bce")
"""The diary doesn't name it: a loss of 0.38 on four classes is what this one gives."""

FROM_WEIGHTS = TrainingSpec(
    epochs=6,
    batch_size=16,
    learning_rate=3e-4,
    weight_decay=1.0,
    schedule="cosine",
    loss=LOSS,
    sampler="none",
)
"""With timm's weights. Theirs: epochs (003-ver16), batches, AdamW's decay (003-ver24: the best of
eight), the falling rate, classes as they come. The peak is their detector's, of whose classifiers
they don't tell it."""

FROM_SCRATCH = TrainingSpec(epochs=40, batch_size=16, learning_rate=3e-4)
"""From random weights, which the diary never tried: loss, sampler, schedule and decay are those
that compact networks have. Of the rates 1e-4, 3e-4 and 1e-3 the best on validation (B0, 192 px)."""

AUX_WEIGHT = 1.0
"""Of the auxiliary loss beside the classifier's. The diary doesn't tell its own: its training loss
was 0.74 with it and 0.21 without (010-ver2, 011-ver1)."""

TEACHER_SHARE = Fraction(4, 6)
"""Epochs of the teacher over the others': it converges in no time (009-ver1)."""


def study_training(*, has_weights: bool) -> TrainingSpec:
    """The settings for a network that begins with trained weights, or not."""
    return FROM_WEIGHTS if has_weights else FROM_SCRATCH


def teacher_training(training: TrainingSpec) -> TrainingSpec:
    """The same for a teacher, which takes two thirds of the epochs."""
    return training.model_copy(update={"epochs": ceil(training.epochs * TEACHER_SHARE)})


def study_architecture(
    backbone: ClassifierBackbone,
    size: InputSpec,
    preprocess: XrayPreprocess | None = None,
    *,
    pretrained: bool = False,
) -> ArchitectureSpec:
    """The architecture that `nas train` would be given for it; the classes are those of the data.

    Raises NasError for an input that it can't take.
    """
    if size.channels != 3:
        raise NasError(
            f"{size.channels} channels; the backbones take 3, grey in each of them", key="--input"
        )
    return ArchitectureSpec(
        name=backbone.name,
        input=size,
        model=backbone.model(pretrained=pretrained),
        task="covid-study",
        preprocess=preprocess,
    )


def study_listing() -> list[str]:
    """A line for each backbone and each published version, costs counted on one image.

    Raises NasError if timm is not installed.
    """
    size = "x".join(map(str, INPUT.shape))
    return listing(
        "backbone",
        ("labels", "AUC", "mAP", "LB"),
        (
            Listed(name, backbone_cost(backbone), _figures(name))
            for name, backbone in BACKBONES.items()
        ),
        (
            f"MACs and parameters: one image of {size}, {len(STUDY_CLASSES)} classes.",
            "Published: the diary's own validation, on its folds of Kaggle's images. mAP is the AP "
            "of",
            "`none` for the labels opacity, the mean of the four classes for study.",
            "LB: Kaggle's public leaderboard, the study's four classes alone.",
            *CLOSING,
        ),
        left=("labels",),
        untold=_figures(""),
    )


def backbone_cost(backbone: ClassifierBackbone, size: InputSpec = INPUT) -> MacsReport:
    """Of one image, with a classifier of the study's four classes."""
    architecture = study_architecture(backbone, size).with_classes(STUDY_CLASSES)
    with torch.device("meta"):
        network = build_network(architecture)
    return count_macs(network, size.shape)


def _figures(model: str) -> list[tuple[str, ...]]:
    """The cells of each published version of a backbone."""
    return [_cells(row) for row in published_studies(model)]


def _cells(row: PublishedStudy) -> tuple[str, ...]:
    digits = 5 if row.labels == "opacity" else 4  # as the diary wrote them
    auc = UNKNOWN if row.auc is None else f"{row.auc:.{digits}f}"
    voc_map = UNKNOWN if row.voc_map is None else f"{row.voc_map:.4f}"
    leaderboard = UNKNOWN if row.leaderboard is None else f"{row.leaderboard:g}"
    return (row.labels, auc, voc_map, leaderboard, f"{row.version}: {row.setting}")
