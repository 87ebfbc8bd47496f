"""The data that a search trains and validates on."""

from pathlib import Path
from typing import Any

from nas.data.progress import Progress
from nas.search.settings import SearchSettings
from nas.spec.definition import InputSpec
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task, TaskData


class SearchData:
    """Training and validation data at each input size that is asked for, loaded once."""

    def __init__(self, task: Task[Any], space: SpaceSpec, settings: SearchSettings) -> None:
        self.task = task
        self.space = space
        self.settings = settings
        self._sizes: dict[InputSpec, TaskData] = {}

    def at(self, size: InputSpec, on_progress: Progress | None = None) -> TaskData:
        """The data at one input size; a search never asks for the test split."""
        if size not in self._sizes:
            self._sizes[size] = self._load(size, on_progress)
        return self._sizes[size]

    def _load(self, size: InputSpec, on_progress: Progress | None) -> TaskData:
        settings = self.settings
        data: TaskData = self.task.load_data(
            None if settings.data is None else Path(settings.data),
            size,
            self.space.preprocess,
            splits=("train", "validation"),
            seed=settings.split_seed,
            strict=settings.strict,
            groups=None if settings.groups is None else Path(settings.groups),
            on_progress=on_progress,
        )
        return data
