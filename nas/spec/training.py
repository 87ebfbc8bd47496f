"""How a network is trained: optimiser, schedule, loss, sampler, augmentation."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from nas.spec.frozen import Frozen
from nas.spec.load import read_document
from nas.spec.validate import validate, validate_at

Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class LossSpec(Frozen):
    """Loss of a classifier: a weighted sum of cross-entropy (or focal) and soft macro-F1 loss."""

    kind: Literal["cross_entropy", "cross_entropy_f1", "focal", "focal_f1"] = "cross_entropy_f1"
    """Which terms are summed."""
    cross_entropy_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.25
    """Weight of the cross-entropy or focal term where the F1 term stands beside it."""
    label_smoothing: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.0
    """Share of the target spread over all classes."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal loss (Lin et al. 2017, eq. 4)."""


class AugmentSpec(Frozen):
    """Random changes to whole batches of training images."""

    flip: Flag = True
    """Mirror left to right with probability 0.5."""
    turn_180: Flag = False
    """Turn upside down with probability 0.5: for objects without an upright position."""
    crop_padding: Annotated[float, Field(strict=True, ge=0, le=0.5)] = 0.1
    """Largest random shift, as a share of each side; edges are padded by reflection."""
    colour: Share = 0.2
    """Largest relative change of brightness, contrast and saturation."""
    cutout: Annotated[float, Field(strict=True, ge=0, le=0.9)] = 0.0
    """Side of the erased rectangle as a share of each side; 0 is off."""


class TrainingSpec(Frozen):
    """Settings of one training run. The defaults suit short runs of compact networks."""

    epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 40
    """Passes over the training split."""
    batch_size: Annotated[int, Field(strict=True, ge=2, le=65_536)] = 64
    """Images a step."""
    learning_rate: Positive = 6e-3
    """Peak learning rate of AdamW."""
    weight_decay: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.02
    """AdamW's decoupled decay of weights with two or more axes."""
    schedule: Literal["one_cycle", "cosine"] = "one_cycle"
    """Learning rate over the run: one cycle (30 % of it warm-up, then cosine), or cosine alone."""
    clip_norm: Positive | None = 5.0
    """Largest gradient norm; null is off."""
    loss: LossSpec = LossSpec()
    """Loss and its weights."""
    sampler: Literal["none", "inverse", "softened"] = "softened"
    """Draw training images evenly, by inverse class frequency, or by its square root."""
    augment: AugmentSpec = AugmentSpec()
    """Random changes to training images."""
    ema_decay: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights that is then evaluated; null is off."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the forward pass; auto is bfloat16 on GPUs that gain from it, else float32."""
    batch_norm_momentum: Annotated[float, Field(strict=True, gt=0, le=1)] | None = 0.1
    """Set on every batch normalisation, as 0.01 (MobileNetV3's) ruins short runs; null keeps it."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Seed of weights, sampling and augmentation."""

    def unmirrored(self) -> "TrainingSpec":
        """The same without mirroring and turning: a mirrored digit is another sign, or none."""
        augment = self.augment.model_copy(update={"flip": False, "turn_180": False})
        return self.model_copy(update={"augment": augment})


def load_training(path: str | Path) -> TrainingSpec:
    """The training settings of a YAML file, at its top or under `training`.

    Raises NasError with file, line and key for whatever is wrong in it.
    """
    document = read_document(Path(path))
    if isinstance(document.data, dict) and "training" in document.data:
        return validate_at(TrainingSpec, document, ("training",), document.data["training"])
    return validate(TrainingSpec, document)
