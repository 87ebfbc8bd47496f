"""How a network is trained: optimiser, schedule, loss, sampler, augmentation."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from nas.spec.load import read_document
from nas.spec.validate import Frozen, validate, validate_at

Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class LossSpec(Frozen):
    """Loss of a classifier: a weighted sum of one term and the soft macro-F1 loss.

    The term is cross-entropy, its focal form, or binary cross-entropy, which asks of each class by
    itself whether it is the label.
    """

    kind: Literal["cross_entropy", "cross_entropy_f1", "focal", "focal_f1", "bce", "bce_f1"] = (
        "cross_entropy_f1"
    )
    """Which terms are summed."""
    cross_entropy_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.25
    """Weight of the first term where the F1 term stands beside it."""
    label_smoothing: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.0
    """Share of the target spread over all classes."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal loss (Lin et al. 2017, eq. 4)."""


class KnownLabelLossSpec(Frozen):
    """Loss of a tagger whose labels are known in part: only what a table says is counted.

    Binary cross-entropy, or its focal form, towards 1 where a true positive is labelled and towards
    0 where a false positive is.
    """

    kind: Literal["known_bce", "known_focal"] = "known_bce"
    """Which form."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal form (Lin et al. 2017, eq. 4)."""
    positive_decay: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    """Within a batch, a class's positive losses in falling order are weighted 1, d, d**2, ...; 1 is
    off."""
    f1_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.0
    """Weight of a soft macro-F1 term on the known labels; 0 is off."""


class DetectionLossSpec(Frozen):
    """Loss of a detector over dense maps: focal loss of the classes, IoU loss of the boxes.

    Source: FCOS, Tian et al. 2019, arXiv:1904.01355, eq. 2, with its centre-ness and its sampling
    of centres, and the generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630).
    """

    kind: Literal["dense_boxes"] = "dense_boxes"
    focal_alpha: Share = 0.25
    """Weight of the positive locations; the others weigh 1 less this."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal loss (Lin et al. 2017, eq. 5)."""
    box_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 1.0
    """Weight of the boxes' term."""
    center_sampling_radius: Annotated[float, Field(strict=True, gt=0, le=16)] = 1.5
    """Positive locations lie within so many strides of the object's centre."""


class AugmentSpec(Frozen):
    """Random changes to whole batches of training images."""

    kind: Literal["image"] = "image"

    flip: Flag = True
    """Mirror left to right with probability 0.5."""
    rotate_180: Flag = False
    """Turn upside down with probability 0.5: for objects without an upright position."""
    crop_padding: Annotated[float, Field(strict=True, ge=0, le=0.5)] = 0.1
    """Largest random shift, as a share of each side; edges are padded by reflection."""
    zoom: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0
    """Largest relative change of size: 0.2 is up to 1.2 times smaller or larger; 0 is off."""
    colour: Share = 0.2
    """Largest relative change of brightness, contrast and saturation."""
    cutout: Annotated[float, Field(strict=True, ge=0, le=0.9)] = 0.0
    """Side of the erased rectangle as a share of each side; 0 is off."""


class SpectrogramAugmentSpec(Frozen):
    """Random changes to whole batches of training windows."""

    kind: Literal["spectrogram"] = "spectrogram"
    time_shift: Share = 0.5
    """Largest random shift of a window's start, as a share of the window; labels move along."""
    frequency_masks: Annotated[int, Field(strict=True, ge=0, le=8)] = 2
    """Bands that are blanked (SpecAugment, Park et al. 2019)."""
    frequency_mask_share: Share = 0.1
    """Largest height of one, as a share of the bands."""
    time_masks: Annotated[int, Field(strict=True, ge=0, le=8)] = 2
    """Stretches of time that are blanked."""
    time_mask_share: Share = 0.05
    """Largest length of one, as a share of the window."""
    gain_db: Annotated[float, Field(strict=True, ge=0, le=60)] = 6.0
    """Largest random gain, up or down."""
    noise_db: Annotated[float, Field(strict=True, ge=0, le=60)] = 2.0
    """Largest standard deviation of Gaussian noise on the log-mel values."""
    mixup: Literal["none", "input", "last_layer"] = "none"
    """Mix pairs of windows (Zhang et al. 2018): spectrograms, or the features before the head."""
    mixup_alpha: Annotated[float, Field(strict=True, gt=0, le=100)] = 0.1
    """Both parameters of the Beta distribution that the weight of a pair is drawn from."""


class PseudoLabellingSpec(Frozen):
    """Pseudo-labelling: train, predict, add the labels that the network is sure of, train again."""

    rounds: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    """Trainings in all; labels are added between them."""
    threshold: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.9
    """Probability from which a frame without a label becomes a positive one."""


def _by_kind(default: str, tags: dict[str, str]) -> Discriminator:
    """Tells kinds of settings apart by `kind`; one that is not in `tags`, or none, is `default`."""

    def tag(value: Any) -> str:
        named = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
        return tags.get(named, default) if isinstance(named, str) else default

    return Discriminator(tag)


Loss = Annotated[
    Annotated[LossSpec, Tag("classifier")]
    | Annotated[KnownLabelLossSpec, Tag("known")]
    | Annotated[DetectionLossSpec, Tag("detection")],
    _by_kind(
        "classifier", {"known_bce": "known", "known_focal": "known", "dense_boxes": "detection"}
    ),
]
Augment = Annotated[
    Annotated[AugmentSpec, Tag("image")] | Annotated[SpectrogramAugmentSpec, Tag("spectrogram")],
    _by_kind("image", {"spectrogram": "spectrogram"}),
]


class TrainingSpec(Frozen):
    """Settings of one training run. The defaults suit short runs of compact networks."""

    epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 40
    """Passes over the training split."""
    batch_size: Annotated[int, Field(strict=True, ge=2, le=65_536)] = 64
    """Samples a step."""
    learning_rate: Positive = 6e-3
    """Peak learning rate of AdamW."""
    weight_decay: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.02
    """AdamW's decoupled decay of weights with two or more axes."""
    schedule: Literal["one_cycle", "cosine"] = "one_cycle"
    """Learning rate over the run: one cycle (30 % of it warm-up, then cosine), or cosine alone."""
    clip_norm: Positive | None = 5.0
    """Largest gradient norm; null is off."""
    accumulate: Annotated[int, Field(strict=True, ge=1, le=1_024)] = 1
    """Batches whose gradients are averaged for one step."""
    loss: Loss | None = None
    """Loss and its weights; null is the task's own."""
    sampler: Literal["none", "inverse", "softened"] = "softened"
    """Draw training samples evenly, by inverse class frequency, or by its square root."""
    augment: Augment | None = None
    """Random changes to training samples; null is the task's own."""
    pseudo_labelling: PseudoLabellingSpec | None = None
    """Rounds of labels added by the network itself; null is off."""
    ema_decay: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights that is then evaluated; null is off."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the forward pass; auto is bfloat16 on GPUs that gain from it, else float32."""
    batch_norm_momentum: Annotated[float, Field(strict=True, gt=0, le=1)] | None = 0.1
    """Set on every batch normalisation, as 0.01 (MobileNetV3's) ruins short runs; null keeps it."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Seed of weights, sampling and augmentation."""


def load_training(path: str | Path) -> TrainingSpec:
    """The training settings of a YAML file, at its top or under `training`.

    Raises NasError with file, line and key for whatever is wrong in it.
    """
    document = read_document(Path(path))
    if isinstance(document.data, dict) and "training" in document.data:
        return validate_at(TrainingSpec, document, ("training",), document.data["training"])
    return validate(TrainingSpec, document)
