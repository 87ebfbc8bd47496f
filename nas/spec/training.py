"""How a network is trained: optimiser, schedule, sampler, and the task's loss and augmentation."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from nas.spec.kinds import Kinds
from nas.spec.load import read_document
from nas.spec.validate import Frozen, Settings, Share, validate, validate_at

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class TaskLoss(Frozen):
    """Settings of a loss. Tasks have kinds of their own."""

    kind: str
    """Name of the kind."""


class TaskAugment(Frozen):
    """Settings of the augmentation of training samples. Tasks have kinds of their own."""

    kind: str
    """Name of the kind."""


class PseudoLabellingSpec(Frozen):
    """Pseudo-labelling: train, predict, add the labels that the network is sure of, train again."""

    rounds: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    """Trainings; labels are added between them."""
    threshold: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.9
    """Probability from which an unlabelled frame becomes a positive one."""


class TeachingSpec(Frozen):
    """How much a network learns from a teacher, and how its outputs are softened."""

    temperature: Annotated[float, Field(strict=True, gt=0, le=100)] = 3.0
    """Logits of both are divided by it (Hinton et al. 2015, arXiv:1503.02531)."""
    weight: Share = 0.8
    """Weight of the loss against the teacher; that against the labels weighs 1 less this."""


AnyLoss = Annotated[TaskLoss, Kinds("loss_types", TaskLoss)]
AnyAugment = Annotated[TaskAugment, Kinds("augment_types", TaskAugment)]


class TrainingSpec(Settings):
    """Settings of one training run. The defaults suit short runs of compact networks."""

    epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 40
    """Training epochs."""
    batch_size: Annotated[int, Field(strict=True, ge=2, le=65_536)] = 64
    """Samples in a batch."""
    learning_rate: Positive = 6e-3
    """Peak learning rate of AdamW."""
    weight_decay: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.02
    """Weight decay of AdamW, on weights with two or more axes."""
    schedule: Literal["one_cycle", "cosine"] = "one_cycle"
    """Learning rate schedule: one cycle (30 % warm-up, then cosine), or cosine alone."""
    clip_norm: Positive | None = 5.0
    """Gradient clipping: largest norm; null for none."""
    accumulate: Annotated[int, Field(strict=True, ge=1, le=1_024)] = 1
    """Gradient accumulation: batches per step."""
    recipe: Literal["auto", "fixed"] = "auto"
    """What chooses the sampler where it is null: the training split, or the task alone."""
    loss: AnyLoss | None = None
    """Loss and its weights; null for the task's own."""
    sampler: Literal["none", "inverse", "softened"] | None = None
    """Sampling of training samples: uniform, by inverse class frequency, or by its square root;
    null for the recipe's."""
    augment: AnyAugment | None = None
    """Augmentation of training samples; null for the task's own."""
    pseudo_labelling: PseudoLabellingSpec | None = None
    """Pseudo-labelling: the network adds labels in rounds; null for none."""
    quantisation_aware: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 0
    """Further epochs of `nas train` in which weights and inputs of layers are rounded to 8 bits;
    0 for none."""
    teaching: TeachingSpec | None = None
    """Temperature and weight of what a teacher says; null is the default of both."""
    ema_decay: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights, which is evaluated; null for none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the forward pass; auto: bfloat16 on GPUs that gain from it, else float32."""
    batch_norm_momentum: Annotated[float, Field(strict=True, gt=0, le=1)] | None = 0.1
    """Momentum of batch normalisation: 0.01 (MobileNetV3's) ruins short runs; null keeps it."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Random seed of weights, sampling and augmentation."""


def load_training(path: str | Path) -> TrainingSpec:
    """The training settings of a YAML file, at its top or under `training`.

    Raises NasError with file, line and key for whatever is wrong in it.
    """
    document = read_document(Path(path), stands_for="training")
    if isinstance(document.data, dict) and "training" in document.data:
        return validate_at(TrainingSpec, document, ("training",), document.data["training"])
    return validate(TrainingSpec, document)
