"""Initial weights."""

import pytest
import torch
from torch import nn

from blocks import ConvNormAct, initialise_weights


def test_stds_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(ConvNormAct(32, 64, 3), nn.Conv2d(64, 64, 1), nn.Linear(512, 512))
    initialise_weights(network)
    (conv, norm, _), pointwise, linear = network
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
    assert pointwise.weight.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    assert linear.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not pointwise.bias.any()
    assert not linear.bias.any()
    assert (norm.weight == 1).all()
    assert not norm.bias.any()


def test_statistics_start_afresh() -> None:
    norm = nn.BatchNorm2d(4)
    norm(torch.randn(8, 4, 3, 3) + 5)
    initialise_weights(norm)
    assert not norm.running_mean.any()
    assert (norm.running_var == 1).all()
    assert norm.num_batches_tracked == 0


@pytest.mark.parametrize(
    "norm", [nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.BatchNorm2d(4, affine=False)]
)
def test_other_normalisations(norm: nn.Module) -> None:
    for parameter in norm.parameters():
        nn.init.uniform_(parameter)
    initialise_weights(norm)
    for name, parameter in norm.named_parameters():
        assert (parameter == float(name == "weight")).all()


def test_the_same_seed_gives_the_same_weights() -> None:
    weights = []
    for _ in range(2):
        network = ConvNormAct(3, 8, 3)
        torch.manual_seed(7)
        initialise_weights(network)
        weights.append(network[0].weight)
    assert torch.equal(*weights)
