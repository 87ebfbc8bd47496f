"""Parts that blocks share, against torchvision's."""

from typing import get_args

import pytest
import torch
from torch import nn
from torchvision.models._utils import _make_divisible
from torchvision.ops import SqueezeExcitation as TorchvisionSqueezeExcitation

from blocks import SqueezeExcitation
from blocks.base import ActivationName
from blocks.layers import make_activation, make_divisible
from tests.blocks.parity import assert_same_function, images


@pytest.mark.parametrize("activation", ["ReLU", "SiLU"])
@pytest.mark.parametrize("gate", ["Sigmoid", "Hardsigmoid"])
def test_squeeze_excitation_is_torchvisions(
    activation: ActivationName, gate: ActivationName
) -> None:
    theirs = TorchvisionSqueezeExcitation(24, 6, getattr(nn, activation), getattr(nn, gate))
    assert_same_function(SqueezeExcitation(24, 6, activation, gate), theirs, images(3, 24, 7, 5))


def test_make_divisible_is_torchvisions() -> None:
    for channels in range(1, 3000):
        assert make_divisible(channels / 10) == _make_divisible(channels / 10, 8)


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_activation_of_each_name(name: ActivationName) -> None:
    activation = make_activation(name)
    assert type(activation) is getattr(nn, name)
    torch.testing.assert_close(activation(images(3, 4)), getattr(nn, name)()(images(3, 4)))
