"""What a hint adds to the search's model, on figures made up so that it is known."""

import numpy as np
import pytest

from benchmarks.hint_gain import left_out_errors
from benchmarks.recorded_networks import RecordedNetwork
from nas.macs.architecture import count_architecture
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.trial import RandomTrial

SPACE = """
name: small
input: {channels: 3, height: 8, width: 8}
classes: 3
layers:
  - {name: stem, block: Conv, out: {low: 4, high: 64, step: 4}, kernel: [1, 3], stride: 2}
  - {name: body, block: Conv, out: [4, 8, 12, 16], kernel: 3, repeat: {low: 1, high: 2}}
"""


def drawn(space: SpaceSpec, count: int) -> list[RecordedNetwork]:
    generator, networks = np.random.default_rng(0), []
    for _ in range(count):
        trial = RandomTrial(generator)
        architecture = space.sample(trial)
        report = count_architecture(architecture)
        networks.append(
            RecordedNetwork(architecture, trial.params, report.total, report.parameters, {})
        )
    return networks


def test_only_a_hint_that_knows_more_than_parameters_and_macs_helps() -> None:
    space = parse_space(SPACE)
    networks = drawn(space, 40)
    secret = np.random.default_rng(1).normal(size=40)
    f1 = 0.5 + 0.05 * np.log10([network.macs for network in networks]) + 0.03 * secret
    without = left_out_errors(networks, space, f1, {})
    told = left_out_errors(networks, space, f1, {"secret": secret})
    known = left_out_errors(networks, space, f1, {"MACs": [item.macs for item in networks]})
    assert told.mean() < 0.5 * without.mean()
    assert known.mean() > 0.9 * without.mean()


def test_networks_of_another_space_are_refused() -> None:
    networks = drawn(parse_space(SPACE), 3)
    other = parse_space(SPACE.replace("high: 64", "high: 8").replace("body", "middle"))
    with pytest.raises(ValueError, match="no member"):
        left_out_errors(networks, other, [0.1, 0.2, 0.3], {}, folds=3)
