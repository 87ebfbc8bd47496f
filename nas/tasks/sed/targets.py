"""Targets of batches of windows. N windows, K classes, W frames of a window."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

MixLevel = Literal["input", "last_layer"]


@dataclass(frozen=True, eq=False)
class Mix:
    """How pairs of a batch's windows are mixed: `weight` x + (1 - `weight`) x[`permutation_N`]."""

    weight: float
    """Share of a window itself, 0 to 1; one value for the batch."""
    permutation_N: Tensor
    """int64: position of each window's partner in the batch."""
    level: MixLevel
    """`input`: the windows are mixed already. `last_layer`: their features are yet to be."""

    def __call__(self, x: Tensor) -> Tensor:
        """`x` mixed along its first axis."""
        return x.lerp(x[self.permutation_N], 1 - self.weight)


@dataclass(frozen=True, eq=False)
class WindowTargets:
    """Labels of a training batch."""

    labels_NK: Tensor
    """float32: 1 present, -1 absent, 0 unknown; of the windows before they were mixed."""
    mix: Mix | None = None


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """Positions and labels of the windows of an evaluation batch.

    Integers on the CPU, whatever device the windows are on.
    """

    recording_N: Tensor
    """int64: position of the window's recording in its set."""
    start_N: Tensor
    """int64: first frame of the window in its recording."""
    valid_N: Tensor
    """int64: frames of the window that the recording has; what follows is padding."""
    labels_NK: Tensor
    """int8: 1 present, -1 absent, 0 unknown; see `nas.tasks.sed.windows.window_labels`."""
    window: int
    """Frames of each, padding included."""
