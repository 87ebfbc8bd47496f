"""The data that a trained network is measured on."""

from pathlib import Path

from nas.data.split_names import Split
from nas.errors import NasError
from nas.tasks.base import TaskData
from nas.tasks.registry import task_named
from nas.train.source import groups_of, split_seed_of
from nas.train.trained import TrainedNetwork


def load_measured_data(
    trained: TrainedNetwork,
    source: Path | None,
    splits: tuple[Split, ...],
    *,
    groups: Path | None = None,
    strict: bool = False,
) -> TaskData:
    """The splits of `source` (None: the built-in data), prepared and divided as for training.

    Raises NasError for data with other classes.
    """
    architecture = trained.architecture
    loaded: TaskData = task_named(architecture.task).load_data(
        source,
        architecture.input,
        architecture.preprocess,
        splits=splits,
        seed=split_seed_of(architecture),
        strict=strict,
        groups=groups_of(architecture, source, groups),
    )
    if loaded.classes != architecture.classes:
        raise NasError(
            f"has the classes {', '.join(loaded.classes)}, but the network was trained for "
            f"{', '.join(architecture.classes)}",
            file=loaded.source,
        )
    return loaded
