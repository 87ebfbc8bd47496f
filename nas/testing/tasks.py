"""What every task must hold.

Give a subclass of `TaskContract` a task and the YAML of a small network for its built-in data, in a
file that pytest collects.
"""

import json
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from nas.data.dataset import DataRequest
from nas.data.splits import Split
from nas.errors import NasError
from nas.export.onnx import write_onnx
from nas.export.parity import parts
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec, parse_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.train.exported import OnnxNetwork, output_names
from nas.train.loop import evaluate

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class TaskCase:
    """A task, its built-in data, and a network for them."""

    task: Task[Any]
    data: Any
    architecture: ArchitectureSpec


class TaskContract:
    """What holds of a task: give `task` and `network`, and the tests are the task's."""

    task: ClassVar[Task[Any]]
    network: ClassVar[str]
    """A small network for the built-in data: an architecture file's text."""

    @classmethod
    @cache
    def case(cls) -> TaskCase:
        """The built-in data and the network, with their classes and normalisation."""
        written = parse_architecture(cls.network)
        splits: tuple[Split, ...] = ("train", "validation", "test")
        request = DataRequest(None, written.input, written.preprocess, splits=splits)
        data = cls.task.load_data(request)
        architecture = replace(written.with_classes(data.classes), preprocess=data.preprocess)
        cls.task.check_architecture(architecture)
        return TaskCase(cls.task, data, architecture)

    def test_the_built_in_data_are_whole(self) -> None:
        case = self.case()
        task, data, architecture = case.task, case.data, case.architecture
        assert data.source == task.built_in_source
        assert len(set(data.classes)) == len(data.classes)
        assert len(data.classes) > 1 or architecture.detects
        assert data.unreadable == ()
        assert data.preprocess.says_normalisation

    def test_a_step_reaches_every_weight(self) -> None:
        case = self.case()
        task, data, architecture = case.task, case.data, case.architecture
        training = task.resolved(TrainingSpec(batch_size=16), built_in=True)
        network = _built(architecture).train()
        batches = list(task.train_batches(data, training, torch.Generator().manual_seed(0), CPU))
        assert len(batches) == task.steps_per_epoch(data, training)
        inputs, targets = batches[0]
        loss = task.build_loss(training)(task.training_outputs(network, inputs, targets), targets)
        loss.backward()
        assert math.isfinite(float(loss.detach()))
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name

    def test_a_teacher_like_it_teaches_nothing_and_another_one_every_weight_of_its_outputs(
        self,
    ) -> None:
        case = self.case()
        task, data, architecture = case.task, case.data, case.architecture
        try:
            task.check_teacher(data, data)
        except NasError:
            return  # a task need not teach
        training = task.resolved(TrainingSpec(batch_size=16), built_in=True)
        network, other = _built(architecture).eval(), _built(architecture, seed=1).eval()
        generator = torch.Generator().manual_seed(0)
        inputs, targets = next(iter(task.train_batches(data, training, generator, CPU)))
        with torch.no_grad():
            own, taught = (task.soft_targets(item(inputs)) for item in (network, other))
        assert {len(part) for part in (*own, *taught)} == {len(inputs)}
        outputs = network(inputs)
        assert abs(float(task.teaching_loss(outputs, own, targets, 2.0).detach())) < 1e-5
        loss = task.teaching_loss(outputs, taught, targets, 2.0)
        assert float(loss.detach()) > 0
        loss.backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_an_epoch_is_the_generators_alone(self) -> None:
        task, data = self.task, self.case().data
        training = task.resolved(TrainingSpec(batch_size=16), built_in=True)

        def first(seed: int) -> torch.Tensor:
            generator = torch.Generator().manual_seed(seed)
            return next(iter(task.train_batches(data, training, generator, CPU)))[0]

        assert torch.equal(first(1), first(1))
        assert not torch.equal(first(1), first(2))

    def test_settings_are_resolved_once(self) -> None:
        task = self.task
        resolved = task.resolved(TrainingSpec())
        assert resolved.loss is not None
        assert resolved.augment is not None
        assert task.resolved(resolved) == resolved

    def test_metrics_come_back_from_json(self) -> None:
        case = self.case()
        task, data, architecture = case.task, case.data, case.architecture
        metrics = evaluate(_built(architecture).eval(), data, task, "validation", device=CPU)
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

    def test_the_mean_of_equal_networks_is_one_of_them(self) -> None:
        case = self.case()
        task, data, architecture = case.task, case.data, case.architecture
        network = _built(architecture).eval()
        with torch.inference_mode():
            inputs, _ = next(iter(task.evaluation_batches(data, "validation", CPU)))
            outputs = network(inputs)
            mean = task.mean_outputs([outputs, outputs])
        assert type(mean) is type(outputs)
        for one, other in zip(_said(outputs), _said(mean), strict=True):
            torch.testing.assert_close(one, other)

    def test_an_exported_network_computes_the_same(self, tmp_path: Path) -> None:
        pytest.importorskip("onnx", reason="needs pip install 'compact-nas[onnx]'")
        case = self.case()
        task, data, architecture = case.task, case.data, case.architecture
        network, file = _built(architecture).eval(), tmp_path / "model.onnx"
        names = output_names(task.output_type)
        with torch.inference_mode():
            inputs, _ = next(iter(task.evaluation_batches(data, "validation", CPU)))
            write_onnx(network, inputs[:2].clone(), names, {}, file)
            exported = OnnxNetwork(file, task.output_type, None)
            outputs, found = network(inputs), exported(inputs)
            alone = exported(inputs[:1])
        assert type(found) is type(outputs)
        for one, other, first in zip(parts(outputs), parts(found), parts(alone), strict=True):
            assert len(one) == len(inputs)
            torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(first, one[:1], rtol=1e-4, atol=1e-4)
        thresholds = dict.fromkeys(data.classes, 0.5) if task.needs_thresholds else {}
        decided = task.decisions(task.with_thresholds(data, thresholds), outputs)
        assert decided is None or len(decided) == len(inputs)


def _built(architecture: ArchitectureSpec, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_network(architecture)


def _said(outputs: Any) -> tuple[torch.Tensor, ...]:
    """What outputs say. Logits of classes stand for probabilities, so a constant more or less of
    a sample says the same; the parts of other outputs are what they are."""
    if isinstance(outputs, torch.Tensor):
        return (outputs.softmax(dim=1),)
    return tuple(outputs)
