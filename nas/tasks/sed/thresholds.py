"""The thresholds by class that the recordings of a split are measured with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError
from nas.metrics.multilabel import best_thresholds
from nas.tasks.sed.results import RecordingResult, window_pairs

FOLDS = 5

ThresholdSource = Literal["given", "other recordings", "same recording"]


@dataclass(frozen=True, eq=False)
class ClassThresholds:
    """Thresholds to keep, and those that each recording is counted with."""

    kept_K: NDArray[np.float64]
    used_GK: NDArray[np.float64]
    source: ThresholdSource
    """What those in use were chosen on."""

    @classmethod
    def given(
        cls, thresholds: Mapping[str, float], classes: Sequence[str], recordings: int
    ) -> Self:
        """The same for every recording. Raises NasError if they miss a class."""
        missing = [name for name in classes if name not in thresholds]
        if missing:
            raise NasError(f"no threshold for {', '.join(missing)}", key="thresholds")
        kept_K = np.array([thresholds[name] for name in classes], np.float64)
        return cls(kept_K, np.tile(kept_K, (recordings, 1)), "given")

    @classmethod
    def cross_fitted(cls, results: Sequence[RecordingResult]) -> Self:
        """Those of highest F1: to keep, on all windows; in use, on other recordings' windows.

        Recording g is of fold g modulo 5 (of fewer than 5 recordings each is one), and is counted
        with the thresholds that are best on the other folds. What thresholds gain on the windows
        that they were chosen on is so left out. A lone recording has no others: it is counted with
        its own, and the figures come out too high.
        """
        kept_K = best_thresholds(*window_pairs(results))
        folds = min(FOLDS, len(results))
        if folds == 1:
            return cls(kept_K, kept_K[None], "same recording")
        fold_G = np.arange(len(results)) % folds
        fitted_FK = np.stack([_fitted_without(results, fold_G == fold) for fold in range(folds)])
        return cls(kept_K, fitted_FK[fold_G], "other recordings")


def _fitted_without(
    results: Sequence[RecordingResult], left_out_G: NDArray[np.bool_]
) -> NDArray[np.float64]:
    rest = [result for result, left_out in zip(results, left_out_G, strict=True) if not left_out]
    return best_thresholds(*window_pairs(rest))
