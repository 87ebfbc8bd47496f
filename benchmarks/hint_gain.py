"""What a hint adds to the model by which `nas search` proposes networks."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded_networks import RecordedNetwork
from nas.search.known_cost.kernel import Columns
from nas.search.known_cost.members import Registry
from nas.search.known_cost.metric_model import MetricModel, Observed
from nas.search.known_cost.replay import Replay
from nas.spec.space import SpaceSpec

Floats = NDArray[np.float64]


def left_out_errors(
    networks: Sequence[RecordedNetwork],
    space: SpaceSpec,
    f1: Sequence[float],
    hints: Mapping[str, Sequence[float]],
    folds: int = 10,
) -> Floats:
    """Absolute errors of the networks' F1, each predicted by the model of the other folds.

    The model sees what it sees in a search, the drawn parameters and log-MACs, and each of `hints`
    as one more ordered parameter.
    """
    vectors, columns = _encoded(networks, space)
    for hint in hints.values():
        vectors = np.column_stack([vectors, _scaled(np.asarray(hint, dtype=np.float64))])
        columns = Columns(
            np.append(columns.groups_D, columns.parameters), np.append(columns.numbers_D, True)
        )
    log_macs = np.log([float(network.macs) for network in networks])
    values = np.asarray(f1, dtype=np.float64)
    order = np.random.default_rng(0).permutation(len(values))
    predicted = np.empty(len(values))
    for part in np.array_split(order, folds):
        rest = np.setdiff1d(order, part)
        known = Observed(vectors[rest], log_macs[rest], values[rest], np.zeros(len(rest)))
        model = MetricModel().fit(known, columns)
        predicted[part], _ = model.predict(vectors[part], log_macs[part])
    return np.abs(predicted - values)


def _encoded(networks: Sequence[RecordedNetwork], space: SpaceSpec) -> tuple[Floats, Columns]:
    """The parameters as the sampler encodes them, and what each column is."""
    registry = Registry(lambda params: 1.0)
    generator = np.random.default_rng(0)
    members = []
    for network in networks:
        trial = Replay(generator, network.params)
        space.sample(trial)
        if trial.params != dict(network.params):
            raise ValueError(f"{network.architecture.name} is no member of the space {space.name}")
        members.append(registry.member(trial.params, trial.distributions))
    vectors, _ = registry.arrays(members)
    return vectors, registry.encoder.columns


def _scaled(column: Floats) -> Floats:
    """Ranks from -1/2 to 1/2: hints have no unit."""
    ranks = np.argsort(np.argsort(column)).astype(np.float64)
    return ranks / max(len(ranks) - 1, 1) - 0.5
