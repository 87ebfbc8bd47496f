"""What a network says of one recording, beside what is known of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RecordingResult:
    """Probabilities of K classes over T frames and N windows of a recording, and its labels.

    Labels are 1 (sounds), -1 (known not to) and 0: unknown, or absent where `complete`.
    """

    id: str
    probability_KT: NDArray[np.float32]
    window_scores_NK: NDArray[np.float32]
    """Greatest probability over the valid frames of each window."""
    window_labels_NK: NDArray[np.int8]
    labels_KT: NDArray[np.int8]
    complete: bool
    """Whether every event of the recording is labelled, so that no label means absent."""

    @property
    def scores_K(self) -> NDArray[np.float32]:
        """Score of each class in the recording: its greatest over the windows."""
        scores: NDArray[np.float32] = self.window_scores_NK.max(axis=0)
        return scores
