"""Folded copies give the same outputs, and fold only what is safe."""

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from nas import build_network, load_architecture
from nas.train.weights import folded_copy


def _settle(net: nn.Module) -> nn.Module:
    """Statistics and scales unlike those of a new network."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return net.eval()


def _norms(net: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small", "resnet18"])
def test_the_same_outputs(name: str) -> None:
    net = _settle(models.get_model(name, num_classes=5))
    norms = _norms(net)
    copy = folded_copy(net)
    x = torch.randn(3, 3, 40, 48)
    with torch.inference_mode():
        expected, got = net(x), copy(x)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert _norms(net) == norms  # the network itself is left alone
    if name != "resnet18":  # its normalisations are no neighbours in a Sequential
        assert _norms(copy) == 0


def test_a_sequential_with_a_forward_of_its_own_is_not_folded() -> None:
    class Odd(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[1](self[0](x).relu())

    net = _settle(Odd(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(folded_copy(net)(x), net(x))
    assert _norms(folded_copy(net)) == 1


def test_a_normalisation_before_its_convolution_stays() -> None:
    net = _settle(
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4))
    )
    assert _norms(folded_copy(net)) == 2


def test_padding_by_the_inputs_size_is_kept() -> None:
    net = _settle(build_network(load_architecture("efficientnet_lite0").with_classes(("a", "b"))))
    copy = folded_copy(net)
    assert _norms(copy) == 0
    for size in ((40, 48), (35, 51)):
        x = torch.randn(2, 3, *size)
        with torch.inference_mode():
            expected, got = net(x), copy(x)
        close = 1e-4 * float(expected.abs().max())
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=close)
