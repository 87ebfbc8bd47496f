"""Scores of untrained networks against figures worked by hand."""

from math import inf, log

import pytest
import torch
from torch import nn

from benchmarks.untrained_scores import conv_output_elements, naswot, synflow
from nas.model.build import build_network
from nas.spec.architecture import parse_architecture


def linear(*rows: list[float]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows)
    return layer


def test_synflow_of_two_layers() -> None:
    """R = (1 2)(3 3)^T = 9, and each layer's parameters carry all of it: 18 in sum."""
    network = nn.Sequential(linear([1.0, -2.0], [3.0, 0.0]), nn.ReLU(), linear([-1.0, 2.0]))
    before = network[0].weight.clone()
    assert synflow(network, (2,)) == pytest.approx(log(18))
    assert torch.equal(network[0].weight, before)
    assert network[0].weight.grad is None


def test_synflow_through_a_normalisation() -> None:
    """1x1 convolution 2 to 1 on 3 x 3: R = 9 (2 + 1) / sqrt(4); weight and scale each carry R."""
    conv, norm = nn.Conv2d(2, 1, 1, bias=False), nn.BatchNorm2d(1, eps=0.0)
    conv.weight.data = torch.tensor([[[[2.0]], [[-1.0]]]])
    norm.running_var = torch.tensor([4.0])
    assert synflow(nn.Sequential(conv, norm), (2, 3, 3)) == pytest.approx(log(2 * 27 / 2))


def test_synflow_without_a_path() -> None:
    assert synflow(nn.Sequential(linear([0.0, 0.0]), linear([1.0])), (2,)) == -inf


CODES = torch.tensor([[1.0, 2.0, -1.0], [1.0, -1.0, 0.0], [-1.0, -1.0, 3.0]])
"""Hamming distances 1, 3, 2 of 3 activations: K = (3 2 0, 2 3 1, 0 1 3), with determinant 12."""


def test_naswot_of_three_samples() -> None:
    x = CODES.clone()
    assert naswot(nn.Sequential(nn.Identity(), nn.ReLU(inplace=True)), x) == pytest.approx(log(12))
    twice = nn.Sequential(nn.ReLU(), nn.Hardswish())  # the same codes again: K doubles
    assert naswot(twice, CODES) == pytest.approx(log(12 * 2**3))


def test_naswot_without_gates_and_with_equal_codes() -> None:
    gated = nn.Sequential(nn.ReLU(), nn.Hardsigmoid(), nn.Sigmoid())
    assert naswot(gated, CODES) == pytest.approx(log(12))
    assert naswot(gated, CODES[[0, 0, 1]]) == -inf


def test_naswot_normalises_by_the_minibatch_and_leaves_the_network_as_it_was() -> None:
    """Centred, the codes of (1, 2, 6) are (0, 0, 1): samples 1 and 2 are alike."""
    network = nn.Sequential(nn.BatchNorm2d(1), nn.ReLU()).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)
    assert naswot(network, x) == -inf
    assert naswot(network, x[1:]) == pytest.approx(log(1))  # K is the identity
    assert not network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_conv_outputs_of_a_network() -> None:
    """9 x 12 halves to 5 x 6: 8 channels, expanded to 16, depthwise 16, projected to 8; SE none."""
    text = (
        "input: {height: 9, width: 12}\nclasses: 3\nlayers:\n"
        "- {block: Conv, out: 8, stride: 2}\n- {block: InvertedResidualv2, out: 8, expand: 2}\n"
    )
    network = build_network(parse_architecture(text))
    assert conv_output_elements(network, (3, 9, 12)) == (8 + 16 + 16 + 8) * 30
    assert network.training
