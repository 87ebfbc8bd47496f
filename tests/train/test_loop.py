"""Training runs: they learn, repeat, go on where they stopped, and fail with a reason."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.train.checkpoint import EpochResult
from nas.train.device import TrainingFailed
from nas.train.loop import FitResult, evaluate, fit
from tests.train.conftest import Points, PointTask, build_net

CPU = torch.device("cpu")
TASK = PointTask()
TRAINING = TrainingSpec(epochs=4, batch_size=30, learning_rate=2e-2)


def run(net: nn.Module, points: Points, training: TrainingSpec = TRAINING, **settings) -> FitResult:
    return fit(net, points, TASK, training, device=CPU, **settings)


def assert_same_weights(first: nn.Module, second: nn.Module) -> None:
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_learns(points: Points) -> None:
    net = build_net()
    before = evaluate(net, points, TASK, "validation", device=CPU).primary
    result = run(net, points, TRAINING.model_copy(update={"epochs": 12}))
    assert result.best_validation.primary > max(0.8, before)
    assert len(result.history) == 12
    assert result.history[-1].train_loss < result.history[0].train_loss


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(points: Points) -> None:
    first, second, other = build_net(), build_net(), build_net()
    run(first, points)
    torch.rand(7)  # what the caller draws does not matter
    run(second, points)
    run(other, points, TRAINING.model_copy(update={"seed": 1}))
    assert_same_weights(first, second)
    assert not torch.equal(first[0][0].weight, other[0][0].weight)


def test_leaves_the_callers_generator_alone(points: Points) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    run(build_net(), points)
    assert torch.equal(torch.rand(1), expected)


def test_ends_with_the_weights_of_the_best_epoch(points: Points) -> None:
    seen: list[EpochResult] = []
    net = build_net()
    result = run(net, points, TRAINING.model_copy(update={"epochs": 8}), on_epoch=seen.append)
    best = max(epoch.validation.primary for epoch in seen)
    assert result.best_validation.primary == best
    assert result.best_epoch == next(e.epoch for e in seen if e.validation.primary == best)
    assert evaluate(net, points, TASK, "validation", device=CPU) == result.best_validation
    assert not net.training


def test_the_caller_can_stop_early(points: Points) -> None:
    result = run(build_net(), points, on_epoch=lambda epoch: epoch.epoch == 2)
    assert [epoch.epoch for epoch in result.history] == [1, 2]


@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9, "schedule": "cosine"}])
def test_resumes_to_the_same_weights(points: Points, tmp_path: Path, settings: dict) -> None:
    training = TRAINING.model_copy(update={"epochs": 6, **settings})
    whole, halted, resumed = build_net(), build_net(), build_net(seed=9)
    expected = run(whole, points, training)

    class Killed(Exception):
        pass

    def kill(result: EpochResult) -> None:
        if result.epoch == 4:
            raise Killed

    file = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        run(halted, points, training, on_epoch=kill, checkpoint=file)
    result = run(resumed, points, training, checkpoint=file)
    assert_same_weights(whole, resumed)
    assert [e.train_loss for e in result.history] == [e.train_loss for e in expected.history]
    assert [e.validation for e in result.history] == [e.validation for e in expected.history]
    assert result.best_epoch == expected.best_epoch
    again = build_net(seed=5)
    assert run(again, points, training, checkpoint=file) == result  # finished: nothing to do
    assert_same_weights(whole, again)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_checkpoint_is_named(
    points: Points, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "checkpoint.pt"
    run(build_net(), points, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-400] if content is None else content)
    with pytest.raises(NasError, match=r"checkpoint\.pt"):
        run(build_net(), points, checkpoint=file)


def test_a_checkpoint_of_another_network_is_refused(points: Points, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    run(build_net(), points, checkpoint=file)
    with pytest.raises(NasError, match="another network"):
        run(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), points, checkpoint=file)


def test_a_loss_that_is_not_finite_ends_the_run_with_its_batch(points: Points) -> None:
    class BreaksAt(PointTask):
        def train_batches(self, *arguments):
            for step, (x, labels) in enumerate(super().train_batches(*arguments)):
                yield (x * float("nan") if step == 2 else x), labels

    with pytest.raises(TrainingFailed, match="loss is not finite at epoch 1, batch 3"):
        fit(build_net(), points, BreaksAt(), TRAINING, device=CPU)


def test_weights_that_are_not_finite_end_the_run(points: Points) -> None:
    class OneStep(PointTask):
        def steps_per_epoch(self, data, training):
            return 1

        def build_loss(self, training):
            # finite, with an infinite gradient
            return lambda logits, labels: (logits - logits.detach()).sqrt().sum()

    with pytest.raises(TrainingFailed, match="weights are not finite after epoch 1"):
        fit(build_net(), points, OneStep(), TRAINING, device=CPU)


def test_running_out_of_memory_ends_the_run_with_a_reason(points: Points) -> None:
    class Greedy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            return torch.empty(2**55) * self.weight

    with pytest.raises(TrainingFailed, match="out of memory in epoch 1, batches of 30"):
        run(Greedy(), points)


def test_other_errors_are_not_taken_for_a_lack_of_memory(points: Points) -> None:
    with pytest.raises(RuntimeError, match="mat1"):
        run(nn.Sequential(nn.Flatten(), nn.Linear(5, 3)), points)


def test_evaluation_leaves_the_network_alone(points: Points) -> None:
    net = build_net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    evaluate(net, points, TASK, "train", device=CPU)
    assert net.training
    assert isinstance(net[0][1], nn.BatchNorm2d)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_split_of_equals_keeps_the_first(points: Points) -> None:
    x, labels = points.splits["validation"]
    easy = replace(points, splits={**points.splits, "validation": (x[:1], labels[:1])})
    training = TRAINING.model_copy(update={"epochs": 9, "loss": LossSpec(kind="cross_entropy")})
    result = run(build_net(), easy, training)
    best = result.best_validation.primary
    assert result.best_epoch == next(
        e.epoch for e in result.history if e.validation.primary == best
    )


def test_a_network_without_weights_is_refused(points: Points) -> None:
    with pytest.raises(TrainingFailed, match="no weights to train"):
        fit(nn.Identity(), points, TASK, TRAINING, device=CPU)
