"""The cost by blocks against the cost of the built network."""

from pathlib import Path
from statistics import median
from time import thread_time

import numpy as np
import pytest

from nas.macs.architecture import count_architecture, device_memory
from nas.macs.count import count_macs
from nas.macs.meta import WithoutWeights
from nas.model.build import build_network
from nas.spec.architecture import load_architecture, parse_architecture
from nas.spec.space import load_space
from nas.spec.trial import RandomTrial

REFERENCES = sorted((Path(__file__).parents[2] / "search_spaces" / "reference").glob("*.yaml"))


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.stem)
def test_blocks_sum_to_the_network(path: Path) -> None:
    architecture = load_architecture(path)
    with WithoutWeights():
        network = build_network(architecture)
    whole, parts = count_macs(network, architecture.input.shape), count_architecture(architecture)
    assert (parts.total, parts.parameters) == (whole.total, whole.parameters)
    assert parts.peak_activation_bytes == whole.peak_activation_bytes
    assert parts.memory == whole.memory == device_memory(architecture)
    assert parts.input == whole.input
    assert [(row.name, row.output, row.macs, row.parameters) for row in parts.layers] == [
        (row.name, row.output, row.macs, row.parameters) for row in whole.layers
    ]


def test_rows_have_the_names_of_the_file() -> None:
    text = "input: {height: 8, width: 8}\nlayers: [{name: stem, block: DWConv, out: 6}]\nclasses: 4"
    report = count_architecture(parse_architecture(text))
    assert [(row.name, row.block) for row in report.layers] == [
        ("stem", "DWConv"),
        ("head", "Linear"),
    ]


def test_another_library_s_network_is_refused() -> None:
    text = "input: {height: 8, width: 8}\nmodel: timm:resnet18\nclasses: 4"
    with pytest.raises(ValueError, match="timm:resnet18 has no blocks"):
        count_architecture(parse_architecture(text))


def test_a_network_of_known_blocks_costs_little() -> None:
    architecture = load_architecture(REFERENCES[0])
    count_architecture(architecture)
    times = []
    for _ in range(5):
        start = thread_time()
        count_architecture(architecture)
        times.append(thread_time() - start)
    assert median(times) < 0.020


@pytest.mark.parametrize(
    "name", ["shufflenet.yaml", "sed.yaml", "covid-detection.yaml", "from-lite0.yaml"]
)
def test_memory_in_closed_form_is_that_of_the_counted_members(name: str) -> None:
    space, generator = load_space(name), np.random.default_rng(0)
    for number in range(5):
        member = space.sample(RandomTrial(generator, number))
        assert device_memory(member) == count_architecture(member).memory
