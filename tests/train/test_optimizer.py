"""What is decayed, and the fused step against the plain one."""

import torch
from torch import nn

from nas.spec.training import TrainingSpec
from nas.train.optimizer import build_optimizer, set_batch_norm_momentum, set_learning_rate
from tests.train.conftest import build_net


def test_only_weights_are_decayed() -> None:
    net = build_net()
    optimizer = build_optimizer(net, TrainingSpec(weight_decay=0.5))
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert {name: decay[id(p)] for name, p in net.named_parameters()} == {
        "0.0.weight": 0.5,
        "0.1.weight": 0.0,
        "0.1.bias": 0.0,
        "4.weight": 0.5,
        "4.bias": 0.0,
    }


def test_frozen_weights_are_left_out() -> None:
    net = build_net()
    net[0].requires_grad_(False)
    optimizer = build_optimizer(net, TrainingSpec())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


def test_a_step_is_that_of_plain_adamw() -> None:
    ours, plain = nn.Linear(4, 3), nn.Linear(4, 3)
    plain.load_state_dict(ours.state_dict())
    optimizer = build_optimizer(ours, TrainingSpec(weight_decay=0.1, learning_rate=1.0))
    set_learning_rate(optimizer, 0.03)
    reference = torch.optim.AdamW(
        [{"params": [plain.weight]}, {"params": [plain.bias], "weight_decay": 0.0}],
        lr=0.03,
        weight_decay=0.1,
    )
    x = torch.randn(5, 4)
    for net, chosen in ((ours, optimizer), (plain, reference)):
        net(x).square().sum().backward()
        chosen.step()
    torch.testing.assert_close(ours.weight, plain.weight)
    torch.testing.assert_close(ours.bias, plain.bias)


def test_the_momentum_of_every_normalisation_is_set() -> None:
    net = nn.Sequential(nn.BatchNorm2d(3, momentum=0.01), nn.Sequential(nn.BatchNorm1d(3)))
    set_batch_norm_momentum(net, 0.2)
    assert [net[0].momentum, net[1][0].momentum] == [0.2, 0.2]
