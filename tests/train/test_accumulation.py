"""Gradients of several batches for one step, against one large batch and by hand."""

from itertools import count
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.spec.training import TrainingSpec
from nas.train.checkpoint import WeightAverage
from nas.train.loop import fit, train_epoch
from nas.train.optimizer import learning_rate_at
from tests.train.conftest import Points, PointTask, build_net

CPU = torch.device("cpu")
GENERATOR = torch.Generator().manual_seed(0)
X_NP = torch.randn(24, 5, generator=GENERATOR)
LABELS_N = torch.randint(3, (24,), generator=GENERATOR)


def network() -> nn.Sequential:
    """Without batch normalisation or dropout: a sample's gradient is its own."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def weights(net: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def epoch(net: nn.Module, batch_size: int, rates: list[float], **settings: Any) -> Tensor:
    batches = zip(X_NP.double().split(batch_size), LABELS_N.split(batch_size), strict=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0, momentum=0.9)
    return train_epoch(net, batches, nn.CrossEntropyLoss(), optimizer, iter(rates), **settings)


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize(("batch_size", "accumulate"), [(6, 2), (4, 3), (1, 12), (12, 1)])
def test_equals_one_large_batch(batch_size: int, accumulate: int, clip_norm: float | None) -> None:
    large, small = network(), network()
    rates = [0.3, 0.2]
    epoch(large, 12, rates, clip_norm=clip_norm)
    losses = epoch(small, batch_size, rates, clip_norm=clip_norm, accumulate=accumulate)
    assert losses.shape == (24 // batch_size,)
    torch.testing.assert_close(weights(small), weights(large), rtol=1e-12, atol=1e-12)
    assert not torch.equal(weights(small), weights(network()))


def test_what_is_left_of_an_epoch_is_averaged_over_its_own_batches() -> None:
    whole, parts = network(), network()
    epoch(parts, 4, [0.3, 0.2], accumulate=4)  # six batches: four, then two
    optimizer = torch.optim.SGD(whole.parameters(), lr=0.0, momentum=0.9)
    batches = [(X_NP[:16].double(), LABELS_N[:16]), (X_NP[16:].double(), LABELS_N[16:])]
    train_epoch(whole, batches, nn.CrossEntropyLoss(), optimizer, iter([0.3, 0.2]))
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-12, atol=1e-12)


def test_a_weight_without_a_gradient_is_left_alone() -> None:
    net = network()
    net.register_parameter("unused", nn.Parameter(torch.ones(2, dtype=torch.float64)))
    epoch(net, 6, [0.1, 0.1], accumulate=2)
    assert torch.equal(net.unused, torch.ones(2))


def test_the_average_of_weights_follows_steps_not_batches() -> None:
    net = network()
    average = WeightAverage(net, 0.9)
    epoch(net, 4, [0.1] * 2, accumulate=3, average=average)
    assert average.updates == 2


def test_the_schedule_ends_with_the_last_step(points: Points) -> None:
    training = TrainingSpec(epochs=3, batch_size=10, accumulate=5, learning_rate=1e-2)
    # 12 batches an epoch: steps of 5, 5 and 2
    result = fit(build_net(), points, PointTask(), training, device=CPU)
    rates = [epoch.learning_rate for epoch in result.history]
    assert rates == [learning_rate_at(training, step, 9) for step in (2, 5, 8)]


def test_the_loss_gets_the_tasks_own_outputs_in_training_alone(points: Points) -> None:
    calls = count()

    class Halved(PointTask):
        def training_outputs(self, network: nn.Module, inputs: Tensor, targets: Any) -> Tensor:
            next(calls)
            assert network.training
            assert len(targets) == len(inputs)
            return network(inputs) / 2

    training = TrainingSpec(epochs=1, batch_size=30, learning_rate=1e-8)
    plain = fit(build_net(dropout=0.0), points, PointTask(), training, device=CPU)
    halved = fit(build_net(dropout=0.0), points, Halved(), training, device=CPU)
    assert next(calls) == 4
    assert halved.history[0].train_loss != plain.history[0].train_loss
    assert halved.best_validation == plain.best_validation
