"""Strided 1x1 convolutions of few channels: as PyTorch's, and without harm to the process."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from blocks.layers import ConvNormAct
from blocks.stride import axis_strides

STEPS = """
import torch
from blocks.layers import ConvNormAct
for channels in (1, 3, 4, 5):
    net = ConvNormAct(channels, 24, 1, 2).to(memory_format=torch.channels_last)
    for _ in range(40):
        x = torch.randn(16, channels, 8, 8).to(memory_format=torch.channels_last)
        net(x.requires_grad_()).sum().backward()
"""


@pytest.mark.parametrize("stride", [2, "2x1", "1x3"])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("sides", [(8, 8), (7, 9)])
def test_outputs_and_gradients_are_those_of_the_plain_convolution(
    stride: int | str, memory: torch.memory_format, sides: tuple[int, int]
) -> None:
    block = ConvNormAct(3, 24, 1, stride)
    conv = block[0]
    assert isinstance(conv, nn.Conv2d)
    assert conv.stride == (1, 1)
    steps = axis_strides(stride)
    x_NCHW = torch.randn(4, 3, *sides).contiguous(memory_format=memory).requires_grad_()
    out_NCHW = conv(x_NCHW)
    assert out_NCHW.is_contiguous(memory_format=memory)
    # in double precision, which oneDNN does not compute
    exact_NCHW = x_NCHW.detach().double().requires_grad_()
    weight = conv.weight.detach().double().requires_grad_()
    plain_NCHW = conv2d(exact_NCHW, weight, stride=steps)
    ahead = torch.randn(plain_NCHW.shape)
    torch.testing.assert_close(out_NCHW.double(), plain_NCHW, rtol=1e-5, atol=1e-5)
    own = torch.autograd.grad(out_NCHW, (x_NCHW, conv.weight), ahead)
    expected = torch.autograd.grad(plain_NCHW, (exact_NCHW, weight), ahead.double())
    for found, right in zip(own, expected, strict=True):
        torch.testing.assert_close(found.double(), right, rtol=1e-4, atol=1e-4)


def test_others_stay_plain() -> None:
    for block in (
        ConvNormAct(8, 24, 1, 2),
        ConvNormAct(3, 24, 3, 2),
        ConvNormAct(3, 24, 1, 1),
        ConvNormAct(3, 24, 1, 2, groups=3),
        ConvNormAct(3, 24, 1, 2, padding=1),
    ):
        assert not block[0]._forward_pre_hooks


@pytest.mark.slow
def test_training_steps_leave_the_process_alive() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        env={"PATH": "", "MALLOC_CHECK_": "3", "OMP_NUM_THREADS": "1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
