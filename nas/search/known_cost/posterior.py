"""What finished trials say of each other: the true metric of each behind its noise."""

from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from nas.search.known_cost.history import refused
from nas.search.known_cost.members import Catalogue
from nas.search.known_cost.metric_model import MetricModel, Observed


def posterior_of(
    trials: Sequence[FrozenTrial],
    *,
    noise_sd: Callable[[FrozenTrial], float] | None = None,
    cost_index: int = 0,
    maximize: bool = True,
    best_value: float | None = 1.0,
) -> dict[int, tuple[float, float]]:
    """Mean and SD of the true metric of each complete trial within its constraints, by number.

    Costs are the trials' own values. `noise_sd` is what is known of the error of a trial's metric
    beyond the noise of training, which is estimated.
    """
    complete = [trial for trial in trials if _observed(trial)]
    if not complete:
        return {}
    catalogue = Catalogue()
    members = [
        catalogue.add(trial.params, trial.distributions, trial.values[cost_index])
        for trial in complete
    ]
    sign = 1.0 if maximize else -1.0
    values = np.array([sign * trial.values[1 - cost_index] for trial in complete])
    noise = np.array([0.0 if noise_sd is None else noise_sd(trial) for trial in complete])
    vectors, log_costs = catalogue.arrays(members)
    observed = Observed(vectors, log_costs, values, noise)
    fitted = MetricModel(best_value).fit(observed, catalogue.encoder.columns)
    means, sds = fitted.predict(vectors, log_costs)
    return {
        trial.number: (sign * float(mean), float(sd))
        for trial, mean, sd in zip(complete, means, sds, strict=True)
    }


def _observed(trial: FrozenTrial) -> bool:
    complete = trial.state == TrialState.COMPLETE and not refused(trial)
    return complete and all(isfinite(value) for value in trial.values)
