"""What a big classifier is made of and how it is trained, before any data are read."""

from fractions import Fraction
from math import ceil

from baselines.covid.backbones import Backbone
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.preprocess import XrayPreprocess
from nas.spec.training import LossSpec, TrainingSpec

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


def study_training(*, pretrained: bool) -> TrainingSpec:
    """The settings for a network that begins with trained weights, or not."""
    return FROM_WEIGHTS if pretrained else FROM_SCRATCH


def teacher_training(training: TrainingSpec) -> TrainingSpec:
    """The same for a teacher, which takes two thirds of the epochs."""
    return training.model_copy(update={"epochs": ceil(training.epochs * TEACHER_SHARE)})


def study_architecture(
    backbone: Backbone,
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
