"""Blocks of vectors."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from blocks.linear import DropoutConfig, FlattenConfig, LinearConfig
from tests.blocks.macs import counted_macs, parameters
from tests.blocks.parity import images


def test_linear_needs_a_vector_and_says_how_to_get_one() -> None:
    for attempt in (LinearConfig(out=10).output_shape, LinearConfig(out=10).build):
        with pytest.raises(ValueError, match=r"\(8, 4, 4\): put Flatten before it"):
            attempt((8, 4, 4))
    flat = FlattenConfig().output_shape((8, 4, 4))
    assert flat == (128,)
    assert LinearConfig(out=10).output_shape(flat) == (10,)


def test_linear_has_a_bias_and_no_activation_unless_asked() -> None:
    assert isinstance(LinearConfig(out=10).build((12,)), nn.Linear)
    assert counted_macs(LinearConfig(out=10), (12,)) == 120
    assert parameters(LinearConfig(out=10), (12,)) == 130
    activated = LinearConfig(out=10, activation="ReLU").build((12,))
    plain = LinearConfig(out=10).build((12,))
    plain.load_state_dict(
        dict(zip(("weight", "bias"), activated.state_dict().values(), strict=True))
    )
    x = images(4, 12)
    torch.testing.assert_close(activated(x), plain(x).clamp(min=0))


def test_flatten_puts_channels_first() -> None:
    x = images(2, 3, 4, 5)
    flat = FlattenConfig().build((3, 4, 5))
    assert torch.equal(flat(x), x.reshape(2, 60))
    assert torch.equal(flat(x.to(memory_format=torch.channels_last)), x.reshape(2, 60))


def test_dropout_drops_in_training_only() -> None:
    torch.manual_seed(0)
    drop = DropoutConfig(p=0.25).build((1000,))
    ones = torch.ones(10, 1000)
    y = drop.train()(ones)
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(drop.eval()(ones), ones)


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_dropout_keeps_something(p: float) -> None:
    with pytest.raises(ValidationError):
        DropoutConfig(p=p)
