"""Predicted training times, learned from the finished trainings of a study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from blocks import Cost
from nas.search.pricing import PricedSpace

LEAST_TRIALS = 3
"""Finished trainings before the fit counts; until then times follow `SLOPES` alone."""
SLOPES = (0.4, 0.3, 0.0)
"""Of log-seconds over the logarithms of convolution outputs, MACs and parameters, to begin with."""
SLOPE_SD = 0.3
LEAST_NOISE_SD = 0.15
"""Of log-seconds around the line, which leaves things out; a busy machine adds more."""
LEVEL_SD = 10.0
"""Of log-seconds of the usual network before one was trained: machines and data differ."""

Floats = NDArray[np.float64]


class Durations:
    """Seconds that an epoch of a network takes, on a CPU of processor time; a line of logarithms.

    Fitted by Bayesian linear regression (Bishop 2006, section 3.3) from a prior that three finished
    trainings can bend and ten can overrule.
    """

    def __init__(self, space: PricedSpace) -> None:
        self.space = space
        self._middle = np.zeros(len(SLOPES))
        self._weights = np.array([0.0, *SLOPES])
        self._learned: set[int] = set()

    def learn(self, trials: Sequence[FrozenTrial]) -> None:
        """Take in the times of all trials that were trained, or in part."""
        timed = [trial for trial in trials if _epoch_seconds(trial) is not None]
        numbers = {trial.number for trial in timed}
        if len(timed) < LEAST_TRIALS or numbers == self._learned:
            return
        self._learned = numbers
        seconds = [_epoch_seconds(trial) for trial in timed]
        features = np.array([_features(self.space.priced(item.params).cost) for item in timed])
        self._middle = features.mean(axis=0)
        self._weights = _fit(features - self._middle, np.log(np.array(seconds, dtype=float)))

    def seconds(self, params: Mapping[str, Any]) -> float:
        """Of one epoch of the network of the parameters, its evaluation included.

        Before `LEAST_TRIALS` are finished only the ratio of two networks means something.
        """
        x = _features(self.space.priced(params).cost) - self._middle
        return float(np.exp(self._weights[0] + self._weights[1:] @ x))


def _epoch_seconds(trial: FrozenTrial) -> float | None:
    """Processor time where it was noted; None for a trial that failed or was not timed."""
    attributes, epochs = trial.user_attrs, trial.user_attrs.get("epochs")
    seconds = attributes.get("processor_seconds", attributes.get("seconds"))
    if attributes.get("outcome") not in ("trained", "stopped") or not seconds or not epochs:
        return None
    return float(seconds / epochs)


def _features(cost: Cost) -> Floats:
    """Logarithms, of one more where there may be none."""
    return np.log1p([cost.convolution_outputs, cost.macs, cost.parameters])


def _fit(features: Floats, log_seconds: Floats) -> Floats:
    """Mean of the posterior weights: level and slopes. The rows of `features` are centred.

    The noise is taken for as large as the prior line leaves it: seconds that follow nothing, since
    other work slowed some trainings, leave the slopes alone.
    """
    prior = np.array([0.0, *SLOPES])
    x = np.column_stack([np.ones(len(features)), features])
    rest = log_seconds - x @ prior
    noise = max(float(np.var(rest, ddof=1)), LEAST_NOISE_SD**2)
    precision = np.diag([LEVEL_SD**-2, *(SLOPE_SD**-2,) * len(SLOPES)]) + x.T @ x / noise
    return np.asarray(prior + np.linalg.solve(precision, x.T @ rest / noise))
