"""The contract of a task: its data, what it asks of a network, its loss and its metrics.

Training, search and the command line know a task through this class only. A new task is a module
with one subclass that is registered (`register_task`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData, DataRequest
from nas.data.files import Progress
from nas.data.sampler import DEFAULT_SAMPLER, SamplerKind
from nas.data.splits import Split
from nas.data.statistics import DataStatistics, StatisticsRequest
from nas.errors import NasError
from nas.metrics.confusion import Confusion
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskAugment, TaskLoss, TrainingSpec

Batch = tuple[Tensor, Any]
"""Inputs of a network (N first) and targets, in whatever form the task compares outputs with."""

Thresholds = Mapping[str, float]
"""Probability by class from which a class counts as present; empty where a task needs none."""

Loss = Callable[[Any, Any], Tensor]
"""Scalar loss of a network's outputs and a batch's targets."""


ConfusionMatrix = tuple[Confusion, tuple[str, ...]]
"""Samples by true and predicted class, and the names of the classes."""


class Metrics(ABC):
    """Metrics of one split."""

    @property
    @abstractmethod
    def primary(self) -> float:
        """Value of the primary metric (`Task.primary_metric`); higher is better."""

    @property
    @abstractmethod
    def primary_sd(self) -> float:
        """Standard deviation of `primary` over other samples of the same size."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Plain values under their full names; enough to rebuild the metrics."""

    def lines(self) -> list[str]:
        """Lines that are shown besides the primary metric, e.g. of each class."""
        return []

    def confusion_matrix(self) -> ConfusionMatrix | None:
        """Samples by true and predicted class, where classes are told apart."""
        return None

    @abstractmethod
    def with_intervals(self) -> dict[str, Any]:
        """`as_json` and the primary metric's 95 % interval under `NAME_ci95`."""


@dataclass(frozen=True)
class Prediction:
    """Prediction of one file, or why there is none."""

    file: str
    values: dict[str, Any] = field(default_factory=dict)
    """Plain values by name, the same names for every file of a task; empty with an error.

    A list of mappings is a table of its own, as events with onset and offset: see
    `Task.prediction_tables`.
    """
    error: str | None = None


@dataclass(frozen=True)
class RecipeChoice:
    """Training settings that a rule chooses for a training split."""

    settings: Mapping[str, Any]
    """Values by the name of their field."""
    because: str
    """What the rule saw, in words."""


DataT = TypeVar("DataT", bound=AnyTaskData)


@dataclass(frozen=True, eq=False)
class PseudoLabelled(Generic[DataT]):
    """Training data with pseudo-labels."""

    data: DataT
    counts: dict[str, int]
    """Labels added by class."""
    table: str
    """The added labels as a CSV, in the form that the task reads labels from."""


class Task(ABC, Generic[DataT]):
    """One kind of problem. Stateless: everything that varies is in its data and settings."""

    name: ClassVar[str]
    """Its name under `task:` in YAML files."""
    primary_metric: ClassVar[str]
    """Name of the metric that training and search maximise."""
    metric_titles: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Names of metrics in prose, where they differ from the words of their names."""
    measures_accuracy: ClassVar[bool] = False
    """Whether its metrics have an accuracy, which a score may name."""
    model_head: ClassVar[Head]
    """The head that another library's network gets."""
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]]
    """Models of `preprocess`, told apart by their `kind`; the first is the default."""
    loss_types: ClassVar[tuple[type[TaskLoss], ...]]
    """Models of `training.loss`, the first the default."""
    augment_types: ClassVar[tuple[type[TaskAugment], ...]]
    """Models of `training.augment`, the first the default."""
    recipe_settings: ClassVar[tuple[str, ...]] = ()
    """Training settings that `recipe` chooses by the training split, where nobody gives them."""
    default_sampler: ClassVar[SamplerKind] = DEFAULT_SAMPLER
    """Sampler where neither the settings nor a recipe name one."""
    built_in_source: ClassVar[str]
    """`source` of the built-in data set: what it is, in a few words."""
    needs_thresholds: ClassVar[bool] = False
    """Whether a class counts as present from a threshold on, chosen on the validation split."""
    label_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of labels of the same data (`preprocess.labels`), where there is a choice."""
    folds: ClassVar[int] = 0
    """Number of folds that missing splits are made of: seed s tests on fold s and validates on the
    next one. 0 where splits are made otherwise."""
    notice: ClassVar[str] = ""
    """Notice that must accompany every prediction; empty for none."""
    output_type: ClassVar[Any] = None
    """The NamedTuple of tensors that its networks give, whose fields are an exported file's
    outputs; None where they give one tensor."""
    prediction_tables: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Columns of each value of a prediction that is a list of mappings, a table of its own."""
    text_tables: ClassVar[Mapping[str, Callable[[Sequence[Prediction], ArchitectureSpec], str]]] = (
        MappingProxyType({})
    )
    """Tables of predictions in the formats of other programs, by name."""

    @abstractmethod
    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        """Raises NasError, saying what this task needs, for a network that it can't train."""

    def check_network(
        self, network: nn.Module, architecture: ArchitectureSpec, *, training: bool
    ) -> None:
        """Raises NasError for a network of the architecture's `model`, another library's or one's
        own, whose outputs are of another form than this task's; in `training` mode too, if said."""

    @abstractmethod
    def check_space(self, space: SpaceSpec) -> str:
        """What this task needs of a network and how every member of the space has it, in words.

        Raises NasError for a space with members that it can't train.
        """

    @abstractmethod
    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> DataT:
        """The requested data at the network's input size.

        `on_progress` is told of files that are read for the first time. Raises NasError for data
        that can't serve.
        """

    def holds(self, source: Path) -> bool:
        """Whether a folder or a file has the form of this task's data."""
        return False

    def statistics(
        self, request: StatisticsRequest, on_progress: Progress | None = None
    ) -> DataStatistics:
        """Figures of a data set. Raises NasError for data that can't serve."""
        raise NasError(f"the {self.name} task has no figures of its data", key="task")

    @abstractmethod
    def measure_normalisation(self, data: DataT) -> DataT:
        """The same data, normalised by the statistics of its own training split."""

    @abstractmethod
    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        """The settings with this task's own loss and augmentation where they name none.

        `built_in` data may allow less augmentation: a mirrored digit is another sign, or none.
        Raises NasError for the settings of another task.
        """

    def recipe(self, data: DataT) -> Sequence[RecipeChoice]:
        """What the training split chooses of `recipe_settings`."""
        return ()

    @abstractmethod
    def build_loss(self, training: TrainingSpec) -> Loss:
        """The training loss; it takes outputs of any precision and computes in float32."""

    def training_outputs(self, network: nn.Module, inputs: Tensor, targets: Any) -> Any:
        """Outputs that the training loss compares with the targets."""
        return network(inputs)

    def decisions(self, data: DataT, outputs: Any) -> Tensor | None:
        """What is decided by a batch's outputs, N first, e.g. the class of each sample; None where
        nothing is. `data` has the thresholds (`with_thresholds`) and the preprocessing. Of an
        exported network as many as possible should be the same."""
        return None

    @abstractmethod
    def mean_outputs(self, outputs: Sequence[Any]) -> Any:
        """Ensemble outputs: the mean probabilities of several networks' outputs."""

    @abstractmethod
    def steps_per_epoch(self, data: DataT, training: TrainingSpec) -> int:
        """Number of batches of `train_batches`."""

    @abstractmethod
    def train_batches(
        self,
        data: DataT,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        """One epoch of augmented batches; `generator` (of the CPU) alone decides what is drawn."""

    @abstractmethod
    def evaluation_batches(
        self, data: DataT, split: Split, device: torch.device
    ) -> Iterator[Batch]:
        """A split once, in order, unchanged. Raises ValueError for a split that was not loaded."""

    @abstractmethod
    def measure(self, data: DataT, outputs: Iterable[tuple[Any, Any]]) -> Metrics:
        """Metrics from the (outputs, targets) of a split's batches."""

    def measure_folds(self, folds: Sequence[tuple[DataT, Iterable[tuple[Any, Any]]]]) -> Metrics:
        """Metrics of several splits that share no patient as one: each with its data and the
        (outputs, targets) of its own network. Of tasks with `folds` only."""
        raise ValueError(f"the {self.name} task has no folds")

    def thresholds_of(self, metrics: Metrics) -> Thresholds:
        """The thresholds that were chosen with these metrics, to be kept with the network."""
        return {}

    def with_thresholds(self, data: DataT, thresholds: Thresholds) -> DataT:
        """The same data, to be measured with these thresholds instead of the best ones on them."""
        return replace(data, thresholds=thresholds) if self.needs_thresholds else data

    def data_facts(self, data: DataT) -> dict[str, str]:
        """Further facts of the data for a run's provenance, by name."""
        return {}

    def check_pseudo_labelling(self, data: DataT) -> None:
        """Raises NasError for data that `pseudo_labelled` could add no labels to."""
        raise NasError(
            f"the labels of the {self.name} task are all known", key="training.pseudo_labelling"
        )

    def pseudo_labelled(
        self, data: DataT, network: Callable[[Tensor], Any], threshold: float, device: torch.device
    ) -> PseudoLabelled[DataT]:
        """Training data with pseudo-labels: those that the network is sure of.

        Raises NasError where `check_pseudo_labelling` does, ValueError for a task that adds none.
        """
        raise ValueError(f"the {self.name} task adds no labels")

    def check_teacher(self, data: DataT, teacher_data: DataT) -> None:
        """Raises NasError where a network that was trained on inputs as `teacher_data` can't teach
        one of the inputs of `data`: both must be able to see the same augmented samples."""
        raise NasError(f"networks of the {self.name} task can't be taught yet", key="--teacher")

    def soft_targets(self, outputs: Any) -> tuple[Tensor, ...]:
        """What a teacher's outputs teach, float32, N first in each part.

        Raises NasError for outputs that teach nothing.
        """
        raise NasError(f"networks of the {self.name} task can't be taught yet", key="--teacher")

    def teaching_loss(
        self, outputs: Any, soft: Sequence[Tensor], targets: Any, temperature: float
    ) -> Tensor:
        """Scalar loss of training outputs against a teacher's `soft_targets` for the same batch;
        0 where they agree. The divergence of softened outputs is multiplied by `temperature`
        squared, which keeps its gradient's size (Hinton et al. 2015, section 2)."""
        raise NasError(f"networks of the {self.name} task can't be taught yet", key="--teacher")

    def load_unlabelled(self, request: DataRequest, on_progress: Progress | None = None) -> DataT:
        """The samples below the folder `request.source` as a training split, whose labels mean
        nothing. Raises NasError for a task that learns from none, and for too few."""
        raise NasError(
            f"the {self.name} task learns nothing from samples without labels", key="--unlabelled"
        )

    def cost_facts(self, architecture: ArchitectureSpec, macs: int) -> dict[str, float]:
        """Further costs of the network, by name with the unit: `macs_per_audio_second`."""
        return {}

    @abstractmethod
    def metrics_from_json(self, values: Mapping[str, Any]) -> Metrics:
        """The metrics that `as_json` wrote."""

    @abstractmethod
    def find_files(self, folder: Path) -> tuple[Path, ...]:
        """The files in a folder and below it that can be predicted, sorted."""

    @abstractmethod
    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        """A prediction for each file, in order, with the same preprocessing as in evaluation.

        `thresholds` are those of `thresholds_of` when the network was trained.

        Raises NasError if the architecture does not say how its inputs were prepared.
        """
