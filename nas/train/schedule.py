"""The learning rate of each step, a pure function: a resumed run needs no schedule state."""

from math import cos, pi

from nas.spec.training import TrainingSpec

WARM_UP = 0.3
"""Share of a one-cycle run in which the rate rises (Smith & Topin 2018, PyTorch's default)."""
START_DIVISOR = 25.0
"""Peak over the first rate of a one-cycle run."""
END_DIVISOR = 25.0 * 1e4
"""Peak over the last rate of a one-cycle run."""


def learning_rate_at(training: TrainingSpec, step: int, steps: int) -> float:
    """Rate of step `step`, counted from 0, of `steps` in the whole run.

    `one_cycle` agrees with `torch.optim.lr_scheduler.OneCycleLR(total_steps=steps)`, `cosine` with
    `CosineAnnealingLR(T_max=steps)`. A cycle of 3 steps or less begins at its peak.
    """
    peak = training.learning_rate
    if training.schedule == "cosine":
        return _cosine(peak, 0.0, step / steps)
    turn = max(WARM_UP * steps - 1, 0.0)
    if step <= turn:
        return _cosine(peak / START_DIVISOR, peak, step / turn if turn > 0 else 1.0)
    return _cosine(peak, peak / END_DIVISOR, (step - turn) / (steps - 1 - turn))


def _cosine(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + cos(pi * share)) / 2
