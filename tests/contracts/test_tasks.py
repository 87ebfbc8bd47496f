"""What every registered task must hold. A new task is tested by a network for it in `NETWORKS`."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from nas.data.request import DataRequest
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec, parse_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.tasks.registry import TASKS
from nas.train.loop import evaluate

CPU = torch.device("cpu")
NETWORKS = {
    "image": """
task: image
input: {channels: 3, height: 16, width: 16}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "sed": """
task: sed
input: {channels: 1, height: 32, width: 64}
head: attention
preprocess: {kind: mel, sample_rate_hz: 16000, fft_samples: 512, hop_samples: 512,
             overlap_frames: 14}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "covid-study": """
task: covid-study
input: {channels: 1, height: 32, width: 32}
preprocess: {kind: xray, labels: study}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "covid-detection": """
task: covid-detection
input: {channels: 1, height: 64, width: 64}
head: detection
neck: {block: FPN, out: 8}
classes: [opacity]
preprocess: {kind: xray, labels: boxes}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
}
"""A small network for each task's built-in data."""


def test_each_task_has_a_network_here() -> None:
    assert set(NETWORKS) == set(TASKS)


@pytest.fixture(scope="module", params=sorted(TASKS))
def case(request: pytest.FixtureRequest) -> tuple[Task[Any], Any, ArchitectureSpec]:
    task = TASKS[request.param]
    written = parse_architecture(NETWORKS[request.param])
    splits = ("train", "validation", "test")
    data = task.load_data(DataRequest(None, written.input, written.preprocess, splits=splits))
    architecture = replace(written.with_classes(data.classes), preprocess=data.preprocess)
    task.check_architecture(architecture)
    return task, data, architecture


def built(architecture: ArchitectureSpec) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(architecture)


def test_the_built_in_data_are_whole(case: tuple[Task[Any], Any, ArchitectureSpec]) -> None:
    task, data, architecture = case
    assert data.source == task.built_in_source
    assert len(set(data.classes)) == len(data.classes)
    assert len(data.classes) > 1 or architecture.detects
    assert data.unreadable == ()
    assert data.preprocess.says_normalisation


def test_a_step_reaches_every_weight(case: tuple[Task[Any], Any, ArchitectureSpec]) -> None:
    task, data, architecture = case
    training = task.resolved(TrainingSpec(batch_size=16), built_in=True)
    network = built(architecture).train()
    batches = list(task.train_batches(data, training, torch.Generator().manual_seed(0), CPU))
    assert len(batches) == task.steps_per_epoch(data, training)
    inputs, targets = batches[0]
    loss = task.build_loss(training)(task.training_outputs(network, inputs, targets), targets)
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_an_epoch_is_the_generators_alone(case: tuple[Task[Any], Any, ArchitectureSpec]) -> None:
    task, data, _ = case
    training = task.resolved(TrainingSpec(batch_size=16), built_in=True)

    def first(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return next(iter(task.train_batches(data, training, generator, CPU)))[0]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_settings_are_resolved_once(case: tuple[Task[Any], Any, ArchitectureSpec]) -> None:
    task = case[0]
    resolved = task.resolved(TrainingSpec())
    assert resolved.loss is not None
    assert resolved.augment is not None
    assert task.resolved(resolved) == resolved


def test_metrics_come_back_from_json(case: tuple[Task[Any], Any, ArchitectureSpec]) -> None:
    task, data, architecture = case
    metrics = evaluate(built(architecture).eval(), data, task, "validation", device=CPU)
    assert 0 <= metrics.primary <= 1
    assert metrics.primary_sd > 0
    values = metrics.with_intervals()
    assert values[task.primary_metric] == metrics.primary
    low, high = values[f"{task.primary_metric}_ci95"]
    assert low <= metrics.primary <= high
    again = task.metrics_from_json(json.loads(json.dumps(metrics.as_json())))
    assert again.as_json() == metrics.as_json()
    assert bool(task.thresholds_of(metrics)) is task.needs_thresholds
    assert ("accuracy" in values) is task.measures_accuracy


def test_the_mean_of_equal_networks_is_one_of_them(
    case: tuple[Task[Any], Any, ArchitectureSpec],
) -> None:
    task, data, architecture = case
    network = built(architecture).eval()
    with torch.inference_mode():
        inputs, _ = next(iter(task.evaluation_batches(data, "validation", CPU)))
        outputs = network(inputs)
        mean = task.mean_outputs([outputs, outputs])
    assert type(mean) is type(outputs)
    for one, other in zip(_said(outputs), _said(mean), strict=True):
        torch.testing.assert_close(one, other)


def _said(outputs: Any) -> tuple[torch.Tensor, ...]:
    """What outputs say. Logits of classes stand for probabilities, so a constant more or less of
    a sample says the same; the parts of other outputs are what they are."""
    if isinstance(outputs, torch.Tensor):
        return (outputs.softmax(dim=1),)
    return tuple(outputs)
