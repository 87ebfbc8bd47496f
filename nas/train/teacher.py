"""A teacher: trained networks whose outputs another network learns from."""

import hashlib
import json
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from nas.data.dataset import AnyTaskData, DataRequest
from nas.errors import NasError, listed
from nas.macs.count import count_macs
from nas.report.tables import metric_title
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import InputSpec
from nas.spec.preprocess import Preprocess
from nas.spec.quantity import count_text
from nas.tasks.base import Task
from nas.tasks.outputs import NotFinite, require_finite
from nas.text_table import metric_text
from nas.train.plan import METRICS_FILE, TeacherPlan
from nas.train.source import made_otherwise
from nas.train.trained import TrainedNetwork, load_mean, load_trained
from nas.train.weights import WEIGHTS_FILE, folded_copy


class Spent(NamedTuple):
    """Time of this process."""

    seconds: float
    processor_seconds: float

    @classmethod
    def now(cls) -> Self:
        """On the clocks that count it."""
        return cls(time.perf_counter(), time.process_time())

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(*(a + b for a, b in zip(self, other, strict=True)))

    def since(self, start: "Spent") -> "Spent":
        """What has gone by since `start`."""
        return Spent(*(a - b for a, b in zip(self, start, strict=True)))


class Teacher:
    """Trained networks that teach, at their own input size.

    Networks and data are loaded when they are first asked for: outputs that are kept need none.
    """

    def __init__(
        self, plan: TeacherPlan, task: Task[Any], request: DataRequest, device: torch.device
    ) -> None:
        """`request` is that of the taught network's data: which, how they are split."""
        self.plan = plan
        self.task = task
        self.device = device
        self._request = request
        self.spent = Spent(0.0, 0.0)
        """On what it was asked so far."""

    @cached_property
    def trained(self) -> TrainedNetwork:
        """The networks as one. Raises NasError for a folder that is not whole."""
        runs = self.plan.runs
        return load_mean(runs, self.device) if len(runs) > 1 else load_trained(runs[0], self.device)

    @cached_property
    def data(self) -> AnyTaskData:
        """The training split as the teacher sees it."""
        architecture = self.trained.architecture
        return self._load(architecture.input, architecture.preprocess)

    @cached_property
    def unlabelled(self) -> AnyTaskData | None:
        """The samples without labels as the teacher sees them; None without any."""
        architecture = self.trained.architecture
        return self.unlabelled_at(architecture.input, architecture.preprocess)

    @cached_property
    def fingerprint(self) -> str:
        """Differs where other weights teach, or other samples without labels are taught on."""
        digest = hashlib.sha256()
        for member in self.trained.members:
            digest.update((member.run / WEIGHTS_FILE).read_bytes())
        if self.unlabelled is not None:
            digest.update(json.dumps(self.unlabelled.split("train").paths).encode())
        return digest.hexdigest()

    def unlabelled_at(self, size: InputSpec, preprocess: Preprocess | None) -> AnyTaskData | None:
        """The samples without labels as a network of these inputs sees them; None without any."""
        if self.plan.unlabelled is None:
            return None
        request = DataRequest(
            self.plan.unlabelled, size, preprocess, splits=("train",), strict=self._request.strict
        )
        data: AnyTaskData = self.task.load_unlabelled(request)
        return data

    def sees_as(self, data: AnyTaskData) -> bool:
        """Whether the inputs of `data` are the teacher's own."""
        own = self.trained.architecture
        return own.input == data.input and own.preprocess == data.preprocess

    def check(self, data: AnyTaskData) -> None:
        """Raises NasError where it can't teach a network on `data`: for other classes, for inputs
        that the task can't draw alike, and for one that learned from what is held out here."""
        architecture, run = self.trained.architecture, self.plan.runs[0]
        if architecture.task != self.task.name:
            problem = f"is of the task {architecture.task}, the network of {self.task.name}"
            raise NasError(problem, file=run, key="--teacher")
        if architecture.classes != data.classes:
            raise NasError(
                f"knows the classes {listed(architecture.classes)}, but the data have "
                f"{listed(data.classes)}",
                file=run,
                key="--teacher",
            )
        for member in self.trained.members:
            self._refuse_other_splits(member.architecture, member.run, data)
        if not self.sees_as(data):
            self.task.check_teacher(data, self.data)

    @torch.no_grad()
    def soft_targets(self, x_NCHW: Tensor) -> tuple[Tensor, ...]:
        """What it says of a batch of its own inputs."""
        outputs = self._network(x_NCHW)
        try:
            require_finite(outputs, "samples that it is asked about")
        except NotFinite as error:
            run = self.plan.runs[0]
            raise NasError(error.problem, file=run, key="--teacher") from error
        return self.task.soft_targets(outputs)

    def prepare(self) -> None:
        """Load networks and samples without labels now, not when they are first needed."""
        _ = self.fingerprint

    def line(self) -> str:
        """Who teaches: name, metric on validation, multiply-adds and input."""
        first = self.trained.architecture
        members = self.trained.members
        macs = sum(
            count_macs(network, first.input.shape).total for network in self._single_networks
        )
        name = first.name if len(members) == 1 else f"the mean of {len(members)} networks"
        title = metric_title(self.task.primary_metric)
        reached = [text for item in members if (text := self._reached(item.run))]
        known = f"validation {title} {' and '.join(reached)}, " if reached else ""
        size = "x".join(map(str, first.input.shape))
        more = "" if self.unlabelled is None else self._unlabelled_words(self.unlabelled)
        return f"Teacher: {name}, {known}{count_text(macs)} MACs, input {size}{more}"

    @cached_property
    def _network(self) -> torch.nn.Module:
        return folded_copy(self.trained.network).to(memory_format=torch.channels_last)

    @property
    def _single_networks(self) -> Sequence[torch.nn.Module]:
        found = getattr(self.trained.network, "networks", None)
        return [self.trained.network] if found is None else list(found)

    def _load(self, size: InputSpec, preprocess: Preprocess | None) -> AnyTaskData:
        asked = self._request
        request = DataRequest(
            asked.source,
            size,
            preprocess,
            splits=("train",),
            seed=asked.seed,
            strict=asked.strict,
            groups=asked.groups,
        )
        data: AnyTaskData = self.task.load_data(request)
        return data

    def _refuse_other_splits(
        self, architecture: ArchitectureSpec, run: Path, data: AnyTaskData
    ) -> None:
        if made_otherwise(architecture, self._request.source, data.split_digest):
            raise NasError(
                "the same data were split otherwise for it: it has learned from what is held out "
                "for validation or test here, and would tell; train a teacher on these splits",
                file=run,
                key="--teacher",
            )

    def _reached(self, run: Path) -> str | None:
        """The primary metric on validation, where the run's folder says it."""
        metric = self.task.primary_metric
        try:
            values = json.loads((run / METRICS_FILE).read_text("utf-8"))
            return metric_text(values["validation"][metric])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def _unlabelled_words(self, data: AnyTaskData) -> str:
        count = len(data.split("train"))
        left_out = f" ({len(data.unreadable)} can't be read)" if data.unreadable else ""
        return f"; {count} samples without labels of {data.source}{left_out}"
