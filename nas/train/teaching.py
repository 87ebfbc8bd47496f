"""How a network is taught while it is trained: batches with soft targets, and their loss."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.files import atomic_write_bytes
from nas.model.weights_file import load_safetensors
from nas.spec.training import TeachingSpec, TrainingSpec
from nas.tasks.base import Batch, Loss, Task
from nas.train.teacher import Spent, Teacher

_UNLABELLED = 1 << 61
"""Beyond all seeds of epochs: samples without labels are drawn by numbers of their own."""
CACHE_BYTES = 1 << 30
"""Most that is kept of a teacher's outputs in a search's folder."""

SoftTargets = tuple[Tensor, ...]
"""What a teacher says of a batch; see `nas.tasks.base.Task.soft_targets`."""


@dataclass(frozen=True, eq=False)
class TaughtTargets:
    """Targets of a batch whose first samples have labels."""

    own: Any
    """Of the samples with labels."""
    labelled: int
    """How many these are."""
    soft: SoftTargets
    """What the teacher says of all."""


class SoftTargetFolder:
    """A teacher's outputs by epoch, kept as files: they are those of every network that is trained
    with the same seed, batches and augmentation."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder = folder
        self.device = device

    def read(self, seed: int) -> SoftTargets | None:
        """The parts of an epoch, all batches in a row; None where they are not kept."""
        try:
            parts = load_safetensors(self._file(seed))
        except (OSError, SafetensorError):
            return None
        return tuple(parts[str(index)].to(self.device) for index in range(len(parts)))

    def keep(self, seed: int, batches: list[SoftTargets]) -> None:
        """Write an epoch, if there is one and room for it."""
        if not batches:
            return
        parts = {
            str(index): torch.cat(part).contiguous().cpu()
            for index, part in enumerate(zip(*batches, strict=True))
        }
        size = sum(part.nbytes for part in parts.values())
        if size <= self.room():
            atomic_write_bytes(self._file(seed), save(parts))

    def room(self) -> int:
        """Bytes that are left for further epochs, of this kind of trainings and of others."""
        kept = self.folder.parent.glob("*/*.safetensors")
        return CACHE_BYTES - sum(file.stat().st_size for file in kept)

    def _file(self, seed: int) -> Path:
        return self.folder / f"{seed}.safetensors"


class Teaching:
    """What teaches a network of one input size: for `nas.train.loop.fit`."""

    def __init__(self, teacher: Teacher, data: AnyTaskData, *, kept_in: Path | None = None) -> None:
        """`data` are the taught network's. In the folder `kept_in` outputs are kept for others."""
        self.teacher = teacher
        self.data = data
        self.unlabelled = teacher.unlabelled_at(data.input, data.preprocess)
        self.kept_in = kept_in

    def lesson(
        self,
        data: AnyTaskData,
        task: Task[Any],
        training: TrainingSpec,
        seed: int,
        device: torch.device,
    ) -> "Lesson":
        """The epoch of that seed."""
        return Lesson(self, data, task, training, seed, device)

    def folder(
        self, training: TrainingSpec, steps: int, device: torch.device
    ) -> SoftTargetFolder | None:
        """Where the outputs of trainings like this one, of so many batches an epoch, are kept; None
        keeps none."""
        if self.kept_in is None:
            return None
        drawn = training.model_dump_json(include={"batch_size", "sampler", "augment"})
        data = (self.data.source, self.data.split_digest, *self.data.classes)
        drawn += str((steps, *data))
        digest = hashlib.sha256((drawn + self.teacher.fingerprint).encode()).hexdigest()[:16]
        return SoftTargetFolder(self.kept_in / digest, device)


@dataclass(frozen=True, eq=False)
class Lesson:
    """One epoch of being taught."""

    teaching: Teaching
    data: AnyTaskData
    task: Task[Any]
    training: TrainingSpec
    seed: int
    device: torch.device

    def batches(self) -> Iterator[Batch]:
        """The task's batches with `TaughtTargets`, behind each the samples without labels.

        Raises ValueError where the teacher's samples are others than the network's.
        """
        steps = self.task.steps_per_epoch(self.data, self.training)
        folder = self.teaching.folder(self.training, steps, self.device)
        kept = None if folder is None else folder.read(self.seed)
        asked = _Asked(self, folder) if kept is None else None
        more, start = self.unlabelled(self.teaching.unlabelled), 0
        for own, targets in self.drawn(self.data):
            inputs = with_more(own, more)
            if asked is not None:
                soft = asked(inputs, targets)
            elif kept is not None:
                soft = tuple(part[start : start + len(inputs)] for part in kept)
                start += len(inputs)
                if len(soft[0]) != len(inputs):
                    raise ValueError(f"what is kept in {self.teaching.kept_in} is of other samples")
            yield inputs, TaughtTargets(targets, len(own), soft)
        if folder is not None and asked is not None:
            folder.keep(self.seed, asked.said)

    def drawn(self, data: AnyTaskData) -> Iterator[Batch]:
        """The task's batches of this epoch from `data`, whatever their input size."""
        generator = torch.Generator().manual_seed(self.seed)
        return self.task.train_batches(data, self.training, generator, self.device)

    def unlabelled(self, data: AnyTaskData | None) -> Iterator[Tensor] | None:
        """Inputs without labels, as many batches as are asked for; None without any."""
        return None if data is None else self._endless(data)

    def _endless(self, data: AnyTaskData) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(_UNLABELLED + self.seed)
        training = self.training.model_copy(update={"sampler": "none"})
        while True:
            for inputs, _ in self.task.train_batches(data, training, generator, self.device):
                yield inputs

    def outputs_of(self, network: nn.Module, inputs: Tensor, targets: TaughtTargets) -> Any:
        """The network's outputs for all samples."""
        return self.task.training_outputs(network, inputs, targets.own)

    def loss(self) -> Loss:
        """The loss against the labels and that against the teacher, weighted."""
        against_labels = self.task.build_loss(self.training)
        spec = self.training.teaching or TeachingSpec()

        def loss(outputs: Any, targets: TaughtTargets) -> Tensor:
            alone = self.teaching.unlabelled is None
            labelled = outputs if alone else outputs[: targets.labelled]
            own = against_labels(labelled, targets.own)
            taught = self.task.teaching_loss(outputs, targets.soft, targets.own, spec.temperature)
            return (1 - spec.weight) * own + spec.weight * taught

        return loss


def with_more(inputs: Tensor, more: Iterator[Tensor] | None) -> Tensor:
    """The inputs, and behind them the next ones without labels where there are any."""
    return inputs if more is None else torch.cat([inputs, next(more)])


class _Asked:
    """Asks a teacher batch by batch, and gathers what it says if that may be kept."""

    def __init__(self, lesson: Lesson, folder: SoftTargetFolder | None) -> None:
        teacher = lesson.teaching.teacher
        alike = teacher.sees_as(lesson.data)
        self.teacher = teacher
        self.said: list[SoftTargets] = []
        self._room = 0 if folder is None else folder.room()
        self._own = None if alike else lesson.drawn(teacher.data)
        self._more = None if alike else lesson.unlabelled(teacher.unlabelled)

    def __call__(self, inputs: Tensor, targets: Any) -> SoftTargets:
        """What it says of the batch, which it sees at its own size."""
        start = Spent.now()
        soft = self._ask(inputs, targets)
        self.teacher.spent = self.teacher.spent.plus(Spent.now().since(start))
        self._room -= sum(part.nbytes for part in soft)
        if self._room >= 0:
            self.said.append(soft)
        else:
            self.said.clear()
        return soft

    def _ask(self, inputs: Tensor, targets: Any) -> SoftTargets:
        if self._own is not None:
            inputs, same = next(self._own)
            if not equal_targets(targets, same):
                raise ValueError("the teacher's batch holds other samples than the network's")
            inputs = with_more(inputs, self._more)
        return self.teacher.soft_targets(inputs)


def equal_targets(first: Any, second: Any) -> bool:
    """Whether two batches have the same targets, in whatever form the task has them."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, tuple | list):
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(equal_targets(a, b) for a, b in pairs)
    if is_dataclass(first):
        names = [field.name for field in fields(first)]
        return all(equal_targets(getattr(first, n), getattr(second, n)) for n in names)
    return bool(first == second)
