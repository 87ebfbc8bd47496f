"""The cost of networks that end in the head over time, against sums by hand."""

import pytest
import torch

from nas.macs.architecture import count_architecture, step_cost
from nas.macs.conventions import OURS, compare_counters
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec

STEM = 64 * 512 * 8 * 9
"""A 3x3 convolution from 1 to 8 channels at 64 x 512 locations."""
HEAD = 2 * 8 * 24 * 512
"""Two 1x1 convolutions from 8 channels to 24 classes at 512 time steps."""
CBAM = 2 * 2 * 8 * 1 + 64 * 512 * 2 * 49
"""A perceptron of one hidden channel on mean and maximum, a 7x7 kernel at 64 x 512 locations."""


def network_of(head: str) -> ArchitectureSpec:
    return parse_architecture(
        f"task: sed\nhead: {head}\nclasses: 24\ninput: {{channels: 1, height: 128, width: 512}}\n"
        "layers: [{name: stem, block: Conv, out: 8, stride: 2x1}]\n"
    )


@pytest.mark.parametrize(
    ("head", "extra", "weights"),
    [("attention", 0, 0), ("cbam_attention", CBAM, 2 * 8 + 2 * 49)],
)
def test_macs_by_hand(head: str, extra: int, weights: int) -> None:
    architecture = network_of(head)
    with torch.device("meta"):
        whole = count_macs(build_network(architecture), architecture.input.shape)
    parts = count_architecture(architecture)
    for report in (whole, parts):
        assert report.total == STEM + HEAD + extra
        assert report.parameters == 8 * 9 + 2 * 8 + 2 * 8 * 24 + weights
        assert [(row.name, row.macs) for row in report.layers] == [
            ("stem", STEM),
            ("head", HEAD + extra),
        ]
    assert whole.layers[-1].output == (24,)
    assert parts.peak_activation_bytes == whole.peak_activation_bytes


@pytest.mark.parametrize("head", ["attention", "cbam_attention"])
def test_the_closed_form_is_what_is_counted(head: str) -> None:
    architecture = network_of(head)
    costs = [step_cost(step) for step in (*architecture.steps(), *architecture.head_steps())]
    report = count_architecture(architecture)
    assert sum(cost.macs for cost in costs) == report.total
    assert sum(cost.parameters for cost in costs) == report.parameters


@pytest.mark.parametrize("head", ["attention", "cbam_attention"])
def test_other_counters_run_it_too(head: str) -> None:
    architecture = network_of(head)
    comparison = compare_counters(build_network(architecture), architecture.input.shape)
    assert comparison.totals[OURS] == count_architecture(architecture).total
    assert min(comparison.totals.values()) >= STEM + HEAD


def test_another_library_s_network_is_counted_with_the_head() -> None:
    """torchvision's MobileNetV2 states 300.77 M on 224 x 224: 1.28 M of them are its classifier."""
    text = (
        "task: sed\nhead: attention\nclasses: 24\ninput: {channels: 3, height: 224, width: 224}\n"
        "model: torchvision:mobilenet_v2\n"
    )
    with torch.device("meta"):
        report = count_macs(build_network(parse_architecture(text)), (3, 224, 224))
    assert report.total == 300_774_272 - 1280 * 1000 + 2 * 1280 * 24 * 7
