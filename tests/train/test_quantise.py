"""Quantisation-aware epochs round as an 8-bit file does, and leave a network that is rounded."""

from pathlib import Path

import pytest
import torch
from torch import nn

from nas.spec.training import TrainingSpec
from nas.train.quantise import (
    RoundedInput,
    RoundedWeight,
    begin_rounding,
    end_rounding,
    fit_rounded,
)
from nas.train.weights import folded_copy
from tests.train.conftest import Points, PointTask, build_net

CPU = torch.device("cpu")
TRAINING = TrainingSpec(epochs=4, batch_size=30, learning_rate=2e-2, quantisation_aware=3)


def test_weights_become_whole_numbers_times_a_scale_of_their_channel() -> None:
    weight = torch.tensor([[0.64, -0.101, 0.004], [6.4, 1.26, 0.0]])
    rounded = RoundedWeight()(weight)
    # By hand: scales 0.64 / 64 = 0.01 and 6.4 / 64 = 0.1.
    expected = torch.tensor([[0.64, -0.10, 0.0], [6.4, 1.3, 0.0]])
    torch.testing.assert_close(rounded, expected)


def test_a_channel_of_zeros_stays_so() -> None:
    assert torch.equal(RoundedWeight()(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_rounding_weights_commutes_with_a_scale_for_each_channel() -> None:
    weight, scale = torch.randn(5, 3, 3, 3), torch.rand(5, 1, 1, 1) + 0.1
    rounding = RoundedWeight()
    torch.testing.assert_close(rounding(weight * scale), rounding(weight) * scale)


def test_inputs_are_rounded_to_256_levels_of_their_range_and_cut_to_it() -> None:
    rounding = RoundedInput()
    rounding(torch.tensor([-1.0, 1.55]))  # a scale of 2.55 / 255 = 0.01, zero at 100
    rounding.eval()
    x = torch.tensor([0.014, -0.996, 9.0, -9.0])
    torch.testing.assert_close(rounding(x), torch.tensor([0.01, -1.0, 1.55, -1.0]))


def test_the_range_holds_zero_and_follows_the_batches() -> None:
    rounding = RoundedInput()
    rounding(torch.tensor([2.0, 4.0]))
    assert (rounding.low.item(), rounding.high.item()) == (0.0, 4.0)
    rounding(torch.tensor([0.0, 8.0]))
    assert rounding.high.item() == pytest.approx(4.0 + 0.05 * 4.0)


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    weight = torch.randn(4, 3, requires_grad=True)
    RoundedWeight()(weight).sum().backward()
    assert torch.equal(weight.grad, torch.ones(4, 3))


def test_ends_with_the_state_it_began_with_and_rounded_weights() -> None:
    net = build_net()
    names = set(net.state_dict())
    weights = [module.weight.clone() for module in net.modules() if hasattr(module, "weight")]
    begin_rounding(net)
    end_rounding(net)
    assert set(net.state_dict()) == names
    assert not any(module._forward_pre_hooks for module in net.modules())
    changed = [module.weight for module in net.modules() if hasattr(module, "weight")]
    assert any(not torch.equal(a, b) for a, b in zip(weights, changed, strict=True))
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            torch.testing.assert_close(RoundedWeight()(module.weight), module.weight)
            assert isinstance(module.weight, nn.Parameter)


def test_what_is_measured_is_the_rounding_network(points: Points) -> None:
    net = build_net()
    begin_rounding(net)
    net.train()
    x = torch.randn(16, 3, 4, 4)
    net(x)
    net.eval()
    with torch.inference_mode():
        torch.testing.assert_close(folded_copy(net)(x), net(x))


def test_a_stopped_run_goes_on_to_the_same_weights(points: Points, tmp_path: Path) -> None:
    def fitted(net: nn.Module, name: str, stop_after: int | None = None) -> nn.Module:
        fit_rounded(
            net,
            points,
            PointTask(),
            TRAINING,
            device=CPU,
            on_epoch=lambda result: _stop(result.epoch, stop_after),
            checkpoint=tmp_path / name,
        )
        return net

    whole = fitted(build_net(), "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        fitted(build_net(), "halted.pt", stop_after=3)
    resumed = fitted(build_net(), "halted.pt")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def _stop(epoch: int, after: int | None) -> None:
    if epoch == after:
        raise KeyboardInterrupt
