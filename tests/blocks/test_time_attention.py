"""The head over time against its formula, worked by hand."""

from math import exp, log

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from blocks import (
    BLOCKS,
    TimeAttention,
    TimeAttentionConfig,
    TimeAttentionOutput,
    initialise_weights,
)


def test_worked_by_hand() -> None:
    """One channel, two frequencies, three steps: rectified means 1, 2 and 0."""
    head = TimeAttention(in_channels=1, classes=1)
    with torch.no_grad():
        head.score.weight.fill_(3.0)
        head.attend.weight.fill_(log(2))
        found = head(torch.tensor([[[[2.0, 3.0, -5.0], [-9.0, 1.0, -1.0]]]]))
    assert found.segmentwise_NKT.tolist() == [[[3.0, 6.0, 0.0]]]
    # attention 2, 4 and 1 in seven
    assert found.clipwise_NK.item() == pytest.approx((3 * 2 + 6 * 4 + 0 * 1) / 7)


def test_agrees_with_the_formula_of_many_classes() -> None:
    torch.manual_seed(0)
    head = TimeAttentionConfig(out=5).build((8, 4, 16))
    x = torch.randn(3, 8, 4, 16)
    clipwise, segmentwise = head(x)
    assert (clipwise.shape, segmentwise.shape) == ((3, 5), (3, 5, 16))
    pooled = x.clamp(min=0).mean(2)
    xa = torch.einsum("nct,kc->nkt", pooled, head.score.weight[..., 0])
    xb = torch.einsum("nct,kc->nkt", pooled, head.attend.weight[..., 0])
    torch.testing.assert_close(segmentwise, xa)
    torch.testing.assert_close(clipwise, (xa * xb.exp()).sum(2) / xb.exp().sum(2))


def test_attention_is_over_time_alone() -> None:
    """A clip twice as long, its second half a repeat, has the same clip-wise logits."""
    torch.manual_seed(0)
    head = TimeAttentionConfig(out=3).build((8, 2, 6))
    x = torch.randn(2, 8, 2, 6)
    once, twice = head(x).clipwise_NK, head(torch.cat((x, x), dim=3)).clipwise_NK
    torch.testing.assert_close(once, twice)


def test_each_frame_has_the_value_of_the_nearest_step() -> None:
    """Three steps 4 frames apart, centred on the frames 0, 4 and 8."""
    steps = TimeAttentionOutput(torch.zeros(1, 1), torch.tensor([[[1.0, 2.0, 3.0]]]))
    values = [1.0] * 2 + [2.0] * 4 + [3.0] * 7
    for frames in (9, 10, 12, 13):
        stretched = steps.stretched(4, frames)
        assert stretched.segmentwise_NKT.tolist() == [[values[:frames]]]
        assert stretched.clipwise_NK is steps.clipwise_NK


@pytest.mark.parametrize("frame", [32, 64, 80, 112])
def test_an_impulse_is_heard_around_its_own_frame(frame: int) -> None:
    """Strided convolutions of ones spread an impulse evenly to both sides of its frame."""
    layers = nn.Sequential(*(nn.Conv2d(1, 1, 3, 2, 1, bias=False) for _ in range(4)))
    for layer in layers:
        nn.init.ones_(layer.weight)
    x_NCHW = torch.zeros(1, 1, 16, 160)
    x_NCHW[..., frame] = 1.0
    heard_NKT = layers(x_NCHW).sum(2).detach()
    output = TimeAttentionOutput(heard_NKT.sum(2), heard_NKT).stretched(16, 160)
    weights_W = output.segmentwise_NKT[0, 0]
    centre = float((weights_W * torch.arange(160)).sum() / weights_W.sum())
    assert centre == pytest.approx(frame, abs=0.51)  # 16 frames have no frame in their middle


def test_cost_by_hand() -> None:
    config = TimeAttentionConfig(out=24)
    cost = config.cost((128, 4, 16))
    assert cost is not None
    assert (cost.macs, cost.parameters) == (2 * 128 * 24 * 16, 2 * 128 * 24)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        head = config.build((128, 4, 16))
        head(torch.empty(1, 128, 4, 16))
    assert counter.get_total_flops() == 2 * cost.macs
    assert sum(weight.numel() for weight in head.parameters()) == cost.parameters
    outputs = 2 * 24 * 16
    assert cost.convolution_outputs == outputs


def test_gradients_reach_both_convolutions_and_the_features() -> None:
    head = TimeAttentionConfig(out=3).build((8, 2, 6))
    x = torch.randn(2, 8, 2, 6, requires_grad=True)
    head(x).clipwise_NK.square().sum().backward()
    for tensor in (x, *head.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0


def test_the_input_is_left_alone() -> None:
    """The features may be needed elsewhere: they are not rectified in place."""
    x = torch.full((1, 8, 2, 6), -1.0)
    TimeAttentionConfig(out=3).build((8, 2, 6))(x)
    assert (x == -1).all()


def test_it_begins_with_nearly_even_attention() -> None:
    torch.manual_seed(0)
    head = TimeAttentionConfig(out=24).build((512, 4, 16))
    initialise_weights(head)
    assert isinstance(head.attend, nn.Conv1d)
    assert head.attend.weight.std().item() == pytest.approx(0.01, rel=0.03)
    pooled = torch.randn(4, 512, 4, 16).clamp(min=0).mean(2)
    attention = head.attend(pooled).softmax(2)
    assert attention.max() < exp(0.5) / 16


def test_it_is_a_head_and_no_block_of_a_file() -> None:
    assert TimeAttentionConfig.name not in BLOCKS
    assert TimeAttentionConfig(out=3).output_shape((8, 2, 6)) == (3,)
    with pytest.raises(ValueError, match="needs a feature map"):
        TimeAttentionConfig(out=3).output_shape((8,))
