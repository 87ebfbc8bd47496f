"""The pipeline's backbones by name: architecture, training settings, cost, what was published."""

from dataclasses import dataclass

import torch

from baselines.listing import Listed, listing
from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.audio.preprocess import MelPreprocess
from nas.errors import NasError, did_you_mean
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.training import PseudoLabellingSpec, TrainingSpec
from nas.tasks.sed.losses import KnownLabelLossSpec
from nas.text_table import UNKNOWN


@dataclass(frozen=True)
class PublishedRun:
    """One row of their table: validation on RFCX's recordings, then the leaderboard."""

    backbone: str
    lwlrap: float
    precision_50: float
    """At a threshold of 0.5."""
    recall_50: float | None
    leaderboard_lwlrap: float | None
    setting: str
    starred: bool = False
    """Best practice of its backbone, and a member of the ensemble."""


PUBLISHED_RUNS = (
    PublishedRun("resnet18", 0.9589, 0.657, None, 0.942, "best single model; scores too low"),
    PublishedRun("resnet18", 0.9693, 0.9590, 0.7336, 0.936, "best practice", starred=True),
    PublishedRun(
        "resnet18", 0.9457, 0.5744, 0.08893, 0.921, "windows of 256 frames, no accumulation"
    ),
    PublishedRun("resnet18", 0.9657, 0.9665, 0.7125, None, "CBAM"),
    PublishedRun("resnest50d", 0.9397, 0.8985, None, 0.935, "best practice", starred=True),
    PublishedRun("densenet121", 0.9392, 0.8706, None, 0.926, "best practice", starred=True),
    PublishedRun("efficientnet_b0", 0.8897, 0.8748, None, 0.922, "best practice", starred=True),
    PublishedRun("efficientnet_b0", 0.9002, 0.8758, None, None, "other parameters"),
)
"""In the order of their table. They wrote `resnest50`; their code loads resnest50d."""

PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP = 0.941
"""Of the plain mean of the four starred models."""


def published_runs(backbone: str) -> tuple[PublishedRun, ...]:
    """The rows of one backbone; none where nothing was published of it."""
    return tuple(run for run in PUBLISHED_RUNS if run.backbone == backbone)


@dataclass(frozen=True)
class SoundBackbone:
    """A network of timm without its pooling and classifier."""

    name: str
    model: str
    """As an architecture file's `model` names it."""
    features: int
    """Channels of the map that goes into the head."""

    @property
    def starred(self) -> bool:
        """Whether it is a member of the published ensemble."""
        return any(run.starred for run in published_runs(self.name))


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        SoundBackbone("resnet18", "timm:resnet18", 512),
        SoundBackbone("resnest50d", "timm:resnest50d", 2048),
        SoundBackbone("densenet121", "timm:densenet121", 1024),
        # Theirs ends before the last convolution, which would make 1,280 channels.
        SoundBackbone("efficientnet_b0", "timm:efficientnet_b0@blocks", 320),
        SoundBackbone("mobilenetv2_100", "timm:mobilenetv2_100", 1280),
    )
}
"""By name, in the order of the authors' own list."""


def backbone_named(name: str) -> SoundBackbone:
    """Raises NasError for a name that is not among `BACKBONES`."""
    if name not in BACKBONES:
        raise NasError(f"no backbone {name!r}{did_you_mean(name, BACKBONES)}", key="--backbone")
    return BACKBONES[name]


INPUT = InputSpec(channels=1, height=128, width=512)
"""128 mel bands, windows of 512 frames. Theirs has the same plane three times."""

AUGMENT = SpectrogramAugmentSpec()
LOSS = KnownLabelLossSpec()
PLAIN = TrainingSpec(
    epochs=30,
    batch_size=16,
    learning_rate=1e-3,
    weight_decay=0.01,
    loss=LOSS,
    sampler="softened",
    augment=AUGMENT,
)
"""One training on the labels as they are; 16 windows are the two recordings of their batches."""

BEST_PRACTICE = PLAIN.model_copy(
    update={
        "accumulate": 4,
        "loss": LOSS.model_copy(update={"kind": "known_focal", "positive_decay": 0.8}),
        "augment": AUGMENT.model_copy(update={"mixup": "last_layer"}),
        "pseudo_labelling": PseudoLabellingSpec(rounds=3, threshold=0.5),
    }
)
"""What their starred models share. They don't say how far they accumulate, nor their decay."""


def baseline_architecture(
    backbone: SoundBackbone, size: InputSpec, preprocess: MelPreprocess, *, cbam: bool
) -> ArchitectureSpec:
    """The backbone with the attention head over time; the classes are those of the data."""
    return ArchitectureSpec(
        name=f"{backbone.name}{'-cbam' if cbam else ''}",
        task="sed",
        input=size,
        model=backbone.model,
        head="cbam_attention" if cbam else "attention",
        preprocess=preprocess,
    )


RFCX_CLASSES = tuple(f"s{index}" for index in range(24))


def sed_listing() -> list[str]:
    """A line for each published setting of each backbone, its cost counted on one window.

    Raises NasError if timm is not installed.
    """
    size = "x".join(map(str, INPUT.shape))
    return listing(
        "backbone",
        ("LWLRAP", "precision", "recall", "LB"),
        (
            Listed(name, backbone_cost(backbone), [_cells(run) for run in published_runs(name)])
            for name, backbone in BACKBONES.items()
        ),
        (
            f"MACs and parameters: one window of {size} with the head for {len(RFCX_CLASSES)} "
            "classes.",
            "LWLRAP to LB (leaderboard, LWLRAP): the authors' own, on RFCX's recordings.",
            "* starred: the mean of these four reached LB "
            f"{PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP}.",
        ),
    )


def backbone_cost(backbone: SoundBackbone, *, cbam: bool = False) -> MacsReport:
    """Of one window at the pipeline's own input size, with the head for 24 classes."""
    architecture = baseline_architecture(backbone, INPUT, MelPreprocess(), cbam=cbam)
    architecture = architecture.with_classes(RFCX_CLASSES)
    with torch.device("meta"):
        network = build_network(architecture)
    return count_macs(network, INPUT.shape)


def _cells(run: PublishedRun) -> tuple[str, ...]:
    numbers = (run.lwlrap, run.precision_50, run.recall_50, run.leaderboard_lwlrap)
    shown = [UNKNOWN if number is None else f"{number:g}" for number in numbers]
    return (*shown, f"{run.setting}{' *' if run.starred else ''}")
