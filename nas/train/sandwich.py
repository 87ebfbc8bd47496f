"""What a shared network learns in each step: several members, on the same pictures.

The largest member, the smallest, and random ones (the sandwich rule of Yu & Huang 2019,
arXiv:1903.05134, section 3.2). Without another teacher the largest one teaches the others as it is
at that moment (in-place distillation, section 3.3 there).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.spec.budget import BudgetSpec
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import SpaceSpec
from nas.spec.training import TeachingSpec, TrainingSpec
from nas.tasks.base import Batch, Loss, Task
from nas.train.extremes import random_member, smallest_member
from nas.train.shared_network import SharedWeights
from nas.train.teaching import Lesson, TaughtTargets, Teaching, equal_targets, with_more

RANDOM_MEMBERS = 2
"""Random members of a step."""

DataAt = Callable[[InputSpec], AnyTaskData]
"""From an input size to the data as a member of that size sees them."""


@dataclass(frozen=True, eq=False)
class SandwichTargets:
    """Targets of a batch that several members see."""

    own: Any
    """As one network alone would have them."""
    members: Sequence[ArchitectureSpec]
    """The largest first."""
    inputs: Sequence[Tensor]
    """Of each, the same samples."""


class Sandwich:
    """The members that learn together; for `nas.train.loop.fit`, in a teacher's place."""

    def __init__(
        self,
        weights: SharedWeights,
        space: SpaceSpec,
        data_at: DataAt,
        *,
        budget: BudgetSpec | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        """The random members are within the budget, whose other costs than multiply-adds and
        parameters don't count. `teaching` is a teacher's of the largest member."""
        self.weights = weights
        self.space = space
        self.data_at = data_at
        self.budget = BudgetSpec() if budget is None else budget
        self.teaching = teaching
        self.smallest = smallest_member(space)

    def lesson(
        self,
        data: AnyTaskData,
        task: Task[Any],
        training: TrainingSpec,
        seed: int,
        device: torch.device,
    ) -> "SandwichLesson":
        """The epoch of that seed; `data` are the largest member's."""
        if self.teaching is None:
            plain = _PlainLesson(data, task, training, seed, device)
            return SandwichLesson(self, plain, _in_place(task, training))
        lesson = self.teaching.lesson(data, task, training, seed, device)
        return SandwichLesson(self, lesson, _taught(lesson.loss()))


@dataclass(frozen=True, eq=False)
class _PlainLesson:
    """One epoch without a teacher."""

    data: AnyTaskData
    task: Task[Any]
    training: TrainingSpec
    seed: int
    device: torch.device

    def batches(self) -> Iterator[Batch]:
        """The task's own."""
        return self.drawn(self.data)

    def drawn(self, data: AnyTaskData) -> Iterator[Batch]:
        """The same samples from `data`, whatever their input size."""
        generator = torch.Generator().manual_seed(self.seed)
        return self.task.train_batches(data, self.training, generator, self.device)

    def outputs_of(self, network: nn.Module, inputs: Tensor, targets: Any) -> Any:
        """The network's outputs."""
        return self.task.training_outputs(network, inputs, targets)


class SandwichLesson:
    """One epoch of several members."""

    def __init__(self, sandwich: Sandwich, lesson: Lesson | _PlainLesson, loss: Loss) -> None:
        self.sandwich = sandwich
        self._lesson = lesson
        self._loss = loss
        self._generator = np.random.default_rng(lesson.seed)

    def batches(self) -> Iterator[Batch]:
        """The largest member's batches, with what the others see of them.

        The random members of an epoch have two input sizes at most: each is drawn anew for every
        epoch, a member for every step.
        """
        sandwich, generator = self.sandwich, self._generator
        first, smallest = sandwich.weights.largest, sandwich.smallest
        sizes = [self._random_size() for _ in range(RANDOM_MEMBERS)]
        others = {size: self._seen_at(size) for size in {smallest.input, *sizes} - {first.input}}
        for inputs, targets in self._lesson.batches():
            drawn = [
                random_member(sandwich.space, size, sandwich.budget, generator) for size in sizes
            ]
            members = [first, smallest, *(member or smallest for member in drawn)]
            seen = {first.input: inputs}
            for size, batches in others.items():
                seen[size], same = next(batches)
                if not equal_targets(_labels(targets), same):
                    raise ValueError(f"other samples at {size.shape} than at {first.input.shape}")
            yield inputs, SandwichTargets(targets, members, [seen[item.input] for item in members])

    def _random_size(self) -> InputSpec:
        shapes = self.sandwich.space.input.shapes()
        channels, height, width = shapes[int(self._generator.integers(len(shapes)))]
        return InputSpec(channels=channels, height=height, width=width)

    def _seen_at(self, size: InputSpec) -> Iterator[Batch]:
        """The batches at another size, with samples without labels behind where there are any."""
        data, teaching = self.sandwich.data_at(size), self.sandwich.teaching
        more = None
        if teaching is not None and isinstance(self._lesson, Lesson):
            teacher = teaching.teacher
            more = self._lesson.unlabelled(teacher.unlabelled_at(size, data.preprocess))
        for inputs, targets in self._lesson.drawn(data):
            yield with_more(inputs, more), targets

    def outputs_of(self, network: nn.Module, inputs: Tensor, targets: SandwichTargets) -> list[Any]:
        """The outputs of each member, which compute with `network`'s weights."""
        weights, own = self.sandwich.weights, targets.own
        if network is not weights.network:
            raise ValueError("another network than the one that the members are cut from")
        others = targets.members[1:]
        outputs = [self._lesson.outputs_of(network, inputs, own)]
        for member, seen in zip(others, targets.inputs[1:], strict=True):
            outputs.append(self._lesson.outputs_of(weights.live(member), seen, own))
        return outputs

    def loss(self) -> Loss:
        """The mean of the members' losses: its gradients are the sum of theirs, scaled."""

        def loss(outputs: Sequence[Any], targets: SandwichTargets) -> Tensor:
            return self._loss(outputs, targets.own)

        return loss


def _labels(targets: Any) -> Any:
    """The labels' part of a batch's targets."""
    return targets.own if isinstance(targets, TaughtTargets) else targets


def _taught(loss: Loss) -> Loss:
    """Each member learns from labels and teacher."""
    return lambda outputs, own: torch.stack([loss(each, own) for each in outputs]).mean()


def _in_place(task: Task[Any], training: TrainingSpec) -> Loss:
    """The largest member learns from labels, the others from it too."""
    against_labels = task.build_loss(training)
    spec = training.teaching or TeachingSpec()

    def loss(outputs: Sequence[Any], own: Any) -> Tensor:
        first, *others = outputs
        soft = tuple(part.detach() for part in task.soft_targets(first))
        losses = [against_labels(first, own)]
        for each in others:
            taught = task.teaching_loss(each, soft, own, spec.temperature)
            losses.append((1 - spec.weight) * against_labels(each, own) + spec.weight * taught)
        return torch.stack(losses).mean()

    return loss
