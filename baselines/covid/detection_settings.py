"""How a detector is trained where the command says nothing."""

from nas.spec.training import TrainingSpec

FROM_WEIGHTS = TrainingSpec(epochs=10, batch_size=16, learning_rate=3e-4, weight_decay=0.01)
"""With published weights or a classifier's: the diary's (002-ver20 on, AdamW).

Three times the epochs overfitted (ver21), lower rates were worse (ver18, ver33). It doesn't say its
decay; this is AdamW's own.
"""

FROM_SCRATCH = TrainingSpec(epochs=50, batch_size=8, learning_rate=1e-3, weight_decay=0.01)
"""From random weights: epochs and batches are those of the compact networks' space."""


def detection_training(*, has_weights: bool) -> TrainingSpec:
    """The settings for a network that begins with trained weights, all or a backbone's, or not."""
    return FROM_WEIGHTS if has_weights else FROM_SCRATCH
