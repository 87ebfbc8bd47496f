"""Members of a shared network compute as plain ones of the same weights, and learn together."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData, DataRequest
from nas.errors import NasError
from nas.macs.architecture import count_architecture
from nas.model.build import build_network
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.training import TrainingSpec
from nas.spec.trial import RandomTrial
from nas.tasks.image.task import ImageTask
from nas.train.checkpoint import EpochResult
from nas.train.extremes import largest_member, random_member, smallest_member
from nas.train.sandwich import Sandwich
from nas.train.shared_network import SharedWeights
from nas.train.shared_run import (
    begin_shared,
    is_trained,
    load_shared,
    measure_member,
    recalibrate,
    train_shared,
)
from nas.train.teacher import Spent
from nas.train.teaching import Teaching

SPACE = """
name: elastic
input: {channels: 3, size: [[12, 16], [16, 16]]}
layers:
  - {name: stem, block: Conv, out: 8, kernel: 3, stride: 2}
  - {name: a, block: MBConv, out: [16, 24], expand: [2, 4], kernel: [3, 5], repeat: [1, 2]}
  - {name: b, block: InvertedResidualv2, out: 32, expand: [1.5, 3], stride: 2, repeat: [1, 2]}
  - {name: gap, block: GlobalAvgPool}
last: [a, gap]
training: {epochs: 2, batch_size: 64}
"""
CPU = torch.device("cpu")
TASK = ImageTask()


@pytest.fixture
def space() -> SpaceSpec:
    return parse_space(SPACE)


def members_of(space: SpaceSpec, count: int) -> Iterator[ArchitectureSpec]:
    generator = np.random.default_rng(0)
    return (space.sample(RandomTrial(generator)) for _ in range(count))


@cache
def digits(size: InputSpec) -> AnyTaskData:
    """Every fifth digit to learn from, and all to validate on."""
    data = TASK.load_data(DataRequest(None, size, splits=("train", "validation")))
    train = data.split("train")
    few = replace(train, pixels=train.pixels[::5], labels_N=train.labels_N[::5])
    return replace(data, splits={"train": few, "validation": data.split("validation")})


def randomised(weights: SharedWeights) -> SharedWeights:
    """Every tensor of its own values, so that each counts."""
    with torch.no_grad():
        for tensor in weights.network.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 0.5)
    return weights


def test_largest_and_smallest_are_the_ends_of_all_choices(space: SpaceSpec) -> None:
    largest, smallest = largest_member(space), smallest_member(space)
    assert largest.input.shape == (3, 16, 16)
    assert smallest.input.shape == (3, 12, 16)
    _, a, b, _ = largest.layers
    assert (a.config.model_dump()["kernel"], a.repeat, b.repeat) == (5, 2, 2)
    assert a.config.model_dump()["out"] == 24
    assert [layer.name for layer in smallest.layers] == ["stem", "a"]
    assert smallest.layers[1].config.model_dump()["expand"] == 2


def test_random_members_keep_to_size_and_budget(space: SpaceSpec) -> None:
    generator, size = np.random.default_rng(0), InputSpec(height=12, width=16)
    budget = BudgetSpec(max_params=4_500)
    for _ in range(10):
        member = random_member(space, size, budget, generator)
        assert member is not None
        assert member.input == size
        assert count_architecture(member).parameters <= 4_500
    assert random_member(space, size, BudgetSpec(max_params=100), generator) is None


@pytest.mark.parametrize("head", ["linear", "attention"])
def test_a_live_member_is_the_plain_network_of_its_weights(space: SpaceSpec, head: str) -> None:
    if head == "attention":
        text = SPACE.replace("  - {name: gap, block: GlobalAvgPool}\n", "").replace("gap]", "b]")
        space = parse_space(text.replace("\ntraining:", "\nhead: attention\ntraining:"))
    weights = randomised(begin_shared(space, 0, CPU))
    for member in [smallest_member(space), *members_of(space, 6)]:
        plain = build_network(member).train()
        weights.fill(member, plain)
        x_NCHW = torch.randn(4, *member.input.shape)
        torch.testing.assert_close(weights.live(member)(x_NCHW), plain(x_NCHW))


def test_the_largest_member_is_the_shared_network_itself(space: SpaceSpec) -> None:
    weights = randomised(begin_shared(space, 0, CPU))
    x_NCHW = torch.randn(4, *weights.largest.input.shape)
    live = weights.live(weights.largest)(x_NCHW)
    torch.testing.assert_close(live, weights.network.train()(x_NCHW))


def test_gradients_reach_what_the_member_keeps_and_nothing_else(space: SpaceSpec) -> None:
    weights = begin_shared(space, 0, CPU)
    member = smallest_member(space)
    weights.live(member)(torch.randn(4, *member.input.shape)).square().sum().backward()
    named = dict(weights.network.named_parameters())
    gradients = {name: value.grad for name, value in named.items() if value.grad is not None}
    assert {name.split(".")[2] for name in gradients if name.startswith("network.")} == {
        "stem",
        "a_0",
    }
    assert {name.split(".")[1] for name in gradients if "heads" in name} == {"behind-a"}
    kernel = gradients["network.layers.a_0.depthwise.0.weight"]  # of 32 channels 5x5
    touched_N = kernel.abs().sum((1, 2, 3)) > 0
    assert touched_N.sum() == 16
    assert kernel[:, :, 0].abs().sum() == 0
    assert kernel[touched_N][:, :, 2, 2].abs().min() > 0


def test_statistics_are_left_alone_by_other_members(space: SpaceSpec) -> None:
    weights = begin_shared(space, 0, CPU)
    before = {name: value.clone() for name, value in weights.network.named_buffers()}
    for member in members_of(space, 4):
        weights.live(member)(torch.randn(4, *member.input.shape))
    for name, value in weights.network.named_buffers():
        assert torch.equal(value, before[name])


def test_every_member_of_a_good_space_is_a_cut(space: SpaceSpec) -> None:
    checked(space)


def test_recalibrated_statistics_are_the_means_over_the_batches() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
    network[1].momentum = 0.3
    batches = [torch.randn(8, 3, 5, 5) + shift for shift in (0.0, 1.0, 5.0)]
    recalibrate(network, batches)
    with torch.no_grad():
        maps = [network[0](x_NCHW).transpose(0, 1).flatten(1) for x_NCHW in batches]
    means, variances = (torch.stack([f(x) for x in maps]).mean(0) for f in (mean_1, variance_1))
    torch.testing.assert_close(network[1].running_mean, means)
    torch.testing.assert_close(network[1].running_var, variances)
    assert network[1].momentum == 0.3
    assert not network[1].training


def mean_1(x: Tensor) -> Tensor:
    return x.mean(1)


def variance_1(x: Tensor) -> Tensor:
    return x.var(1)


def checked(space: SpaceSpec) -> None:
    begin_shared(space, 0, CPU).check(space)


B = "block: InvertedResidualv2, out: 32, expand: [1.5, 3]"


@pytest.mark.parametrize(
    "after",
    [
        "block: {ShuffleNetV2: {}, InvertedResidualv2: {out: 24, expand: 3}}",
        "block: {InvertedResidualv2: {out: 24, expand: 3}, Conv: {out: 24, kernel: 3}}",
    ],
)
def test_a_layer_that_some_member_has_otherwise_is_named(after: str) -> None:
    with pytest.raises(NasError, match="no part of those that the largest member has") as caught:
        checked(parse_space(SPACE.replace(B, after)))
    assert caught.value.line == 7


def test_heads_that_are_no_cuts_are_refused(space: SpaceSpec) -> None:
    text = SPACE.replace("  - {name: gap, block: GlobalAvgPool}\n", "").replace("gap]", "b]")
    text = text.replace("\ntraining:", "\nhead: cbam_attention\ntraining:")
    with pytest.raises(NasError, match="a head of CBAM is no cut of a wider one"):
        checked(parse_space(text))


def sandwich_of(space: SpaceSpec) -> Sandwich:
    space = space.with_classes(digits(InputSpec(height=12, width=16)).classes)
    return Sandwich(begin_shared(space, 0, CPU), space, digits)


@pytest.fixture
def training() -> TrainingSpec:
    return TASK.resolved(TrainingSpec(epochs=2, batch_size=64), built_in=True)


def test_a_step_shows_several_members_the_same_pictures(
    space: SpaceSpec, training: TrainingSpec
) -> None:
    sandwich = sandwich_of(space)
    data = digits(sandwich.weights.largest.input)
    lesson = sandwich.lesson(data, TASK, training, 3, CPU)
    inputs, targets = next(lesson.batches())
    assert len(targets.members) == 4
    assert targets.members[:2] == [sandwich.weights.largest, sandwich.smallest]
    assert targets.inputs[0] is inputs
    for member, seen in zip(targets.members, targets.inputs, strict=True):
        assert seen.shape == (64, *member.input.shape)
    plain = TASK.train_batches(data, training, torch.Generator().manual_seed(3), CPU)
    torch.testing.assert_close(inputs, next(plain)[0])


def test_gradients_are_those_of_the_members_one_by_one(
    space: SpaceSpec, training: TrainingSpec
) -> None:
    sandwich = sandwich_of(space)
    weights = sandwich.weights
    data = digits(weights.largest.input)
    lesson = sandwich.lesson(data, TASK, training, 3, CPU)
    inputs, targets = next(lesson.batches())
    network = weights.network.train()
    lesson.loss()(lesson.outputs_of(network, inputs, targets), targets).backward()
    together = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    network.zero_grad(set_to_none=True)
    labels, loss = targets.own, TASK.build_loss(training)
    first = network(inputs)
    soft = first.detach()
    (loss(first, labels) / 4).backward()
    for member, seen in list(zip(targets.members, targets.inputs, strict=True))[1:]:
        logits = weights.live(member)(seen)
        p_NK, log_q_NK = (soft / 3).softmax(1), (logits / 3).log_softmax(1)
        taught = 9 * (p_NK * (p_NK.log() - log_q_NK)).sum(1).mean()
        ((0.2 * loss(logits, labels) + 0.8 * taught) / 4).backward()
    for name, value in network.named_parameters():
        if value.grad is not None:
            torch.testing.assert_close(together[name], value.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_training_that_was_interrupted_ends_the_same(
    space: SpaceSpec, training: TrainingSpec, tmp_path: Path
) -> None:
    whole, broken, again = (sandwich_of(space) for _ in range(3))
    train_shared(whole, TASK, training, tmp_path / "whole", device=CPU)
    epochs: list[int] = []

    def stop_in_second(result: EpochResult) -> None:
        epochs.append(result.epoch)
        if result.epoch == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        train_shared(broken, TASK, training, folder, device=CPU, on_epoch=stop_in_second)
    assert not is_trained(folder)
    train_shared(
        again, TASK, training, folder, device=CPU, on_epoch=lambda item: epochs.append(item.epoch)
    )
    assert epochs == [1, 2, 2]
    states = (item.weights.network.state_dict().values() for item in (whole, again))
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_members_are_measured_with_the_weights_that_were_written(
    space: SpaceSpec, training: TrainingSpec, tmp_path: Path
) -> None:
    sandwich = sandwich_of(space)
    data, member = digits(sandwich.smallest.input), sandwich.smallest
    _, untrained = measure_member(sandwich.weights, member, data, TASK, training, CPU)
    long = training.model_copy(update={"epochs": 6})
    train_shared(sandwich, TASK, long, tmp_path, device=CPU)
    weights = load_shared(sandwich.space, 0, tmp_path, CPU)
    network, metrics = measure_member(weights, member, data, TASK, training, CPU)
    again, same = measure_member(sandwich.weights, member, data, TASK, training, CPU)
    assert metrics.as_json() == same.as_json()
    assert metrics.primary > untrained.primary
    for one, other in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


class OddTeacher:
    """Says of a picture what the means of its channels are, and has pictures without labels."""

    def __init__(self) -> None:
        self.data = digits(InputSpec(height=16, width=16))
        self.unlabelled = self.data
        self.spent = Spent(0.0, 0.0)

    def sees_as(self, data: AnyTaskData) -> bool:
        return data.input == self.data.input

    def unlabelled_at(self, size: InputSpec, _: object) -> AnyTaskData:
        return digits(size)

    def soft_targets(self, x_NCHW: Tensor) -> tuple[Tensor, ...]:
        return (x_NCHW.mean((2, 3)) @ torch.ones(3, 10).cumsum(1),)


def test_a_teacher_teaches_all_members_on_the_same_pictures(
    space: SpaceSpec, training: TrainingSpec
) -> None:
    plain, teacher = sandwich_of(space), OddTeacher()
    data = digits(plain.weights.largest.input)
    teaching = Teaching(cast(Any, teacher), data)
    teaching.unlabelled = teacher.unlabelled
    sandwich = Sandwich(plain.weights, plain.space, digits, teaching=teaching)
    lesson = sandwich.lesson(data, TASK, training, 3, CPU)
    inputs, targets = next(lesson.batches())
    assert [len(seen) for seen in targets.inputs] == [128] * 4
    soft = teacher.soft_targets(inputs)[0]
    outputs = lesson.outputs_of(plain.weights.network.train(), inputs, targets)
    labels, own = targets.own.own, TASK.build_loss(training)
    expected = [
        0.2 * own(logits[:64], labels)
        + 0.8
        * 9
        * nn.functional.kl_div((logits / 3).log_softmax(1), (soft / 3).softmax(1), reduction="none")
        .sum(1)
        .mean()
        for logits in outputs
    ]
    torch.testing.assert_close(lesson.loss()(outputs, targets), torch.stack(expected).mean())
