"""What a baseline is made of and how it is trained, before any data are read."""

from baselines.sed.backbones import Backbone
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.preprocess import MelPreprocess
from nas.spec.training import (
    KnownLabelLossSpec,
    RelabelSpec,
    SpectrogramAugmentSpec,
    TrainingSpec,
)

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
    augment=AUGMENT,
)
"""One training on the labels as they are; 16 windows are the two recordings of their batches."""

BEST_PRACTICE = PLAIN.model_copy(
    update={
        "accumulate": 4,
        "loss": LOSS.model_copy(update={"kind": "known_focal", "positive_decay": 0.8}),
        "augment": AUGMENT.model_copy(update={"mixup": "last_layer"}),
        "relabel": RelabelSpec(cycles=3, threshold=0.5),
    }
)
"""What their starred models share. They don't say how far they accumulate, nor their decay."""


def baseline_architecture(
    backbone: Backbone, size: InputSpec, preprocess: MelPreprocess, *, cbam: bool
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
