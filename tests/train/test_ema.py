"""The average of weights, followed by hand."""

import torch

from nas.train.checkpoint import WeightAverage
from tests.train.conftest import build_net


def test_follows_by_its_formula() -> None:
    net = build_net()
    average = WeightAverage(net, decay=0.3)
    weight = net[4].weight
    expected = weight.detach().clone()
    for update in range(1, 6):
        with torch.no_grad():
            weight.add_(1.0)
            net[0][1].running_mean.add_(1.0)
        average.update(net)
        decay = min(0.3, update / (update + 9))
        expected = decay * expected + (1 - decay) * weight.detach()
    torch.testing.assert_close(average.network[4].weight.detach(), expected)
    assert 0 < average.network[0][1].running_mean[0] < 5


def test_is_a_copy_in_eval_mode_without_gradients() -> None:
    net = build_net()
    average = WeightAverage(net, decay=0.9)
    net.train()(torch.randn(4, 3, 4, 4)).sum().backward()
    assert not average.network.training
    assert all(not p.requires_grad for p in average.network.parameters())
    assert int(average.network[0][1].num_batches_tracked) == 0
    average.update(net)
    assert int(average.network[0][1].num_batches_tracked) == 1  # counts are taken over
