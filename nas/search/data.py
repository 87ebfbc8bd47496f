"""Data of a search, and the facts of it that are needed before it begins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.dataset import AnyTaskData, DataRequest
from nas.data.files import Progress
from nas.report.lines import ReadingLines, Say
from nas.search.settings import SearchSettings
from nas.spec.definition import InputSpec
from nas.spec.space import SpaceSpec
from nas.tasks.base import Task
from nas.tasks.recipe import Recipe, recipe_for, settled
from nas.tasks.registry import task_of
from nas.train.device import choose_device


class SearchData:
    """Training and validation data at each input size that is asked for, loaded once."""

    def __init__(self, task: Task[Any], space: SpaceSpec, settings: SearchSettings) -> None:
        self.task = task
        self.space = space
        self.settings = settings
        self._sizes: dict[InputSpec, AnyTaskData] = {}

    def at(self, size: InputSpec, on_progress: Progress | None = None) -> AnyTaskData:
        """The data at one input size; a search never asks for the test split."""
        if size not in self._sizes:
            self._sizes[size] = self._load(size, on_progress)
        return self._sizes[size]

    def request(self, size: InputSpec) -> DataRequest:
        """Which data, at that input size."""
        settings = self.settings
        return DataRequest(
            None if settings.data is None else Path(settings.data),
            size,
            self.space.preprocess,
            seed=settings.split_seed,
            strict=settings.strict,
            groups=None if settings.groups is None else Path(settings.groups),
        )

    def _load(self, size: InputSpec, on_progress: Progress | None) -> AnyTaskData:
        data: AnyTaskData = self.task.load_data(self.request(size), on_progress)
        return data


@dataclass(frozen=True)
class DataFacts:
    """Facts of the data that a search trains on."""

    classes: tuple[str, ...]
    source: str
    """A path, or the name of a built-in set."""
    unreadable: tuple[str, ...]
    """`PATH: REASON` of each file that is left out."""
    split_digest: str
    """Of which file is in which split, where splits are made."""
    recipe: Recipe
    """How the candidates are trained, with what these data chose of it."""


def examine_data(space: SpaceSpec, settings: SearchSettings, say: Say) -> DataFacts:
    """Load the data once, so that a mistake shows now and the workers find them decoded.

    Raises NasError for data, a device or networks that can't serve.
    """
    choose_device(settings.device)
    task = task_of(space)
    task.check_space(space)
    channels, height, width = space.input.shapes()[0]
    size = InputSpec(channels=channels, height=height, width=width)
    data = SearchData(task, space, settings).at(size, ReadingLines(say))
    task.check_space(space.with_classes(data.classes))
    if data.unreadable:
        say(f"{len(data.unreadable)} files can't be read and are left out; log.txt names them")
    for note in data.notes:
        say(note)
    recipe = _recipe(task, space, settings, data)
    for line in recipe.lines:
        say(line)
    return DataFacts(data.classes, data.source, data.unreadable, data.split_digest, recipe)


def _recipe(
    task: Task[Any], space: SpaceSpec, settings: SearchSettings, data: AnyTaskData
) -> Recipe:
    """What the data choose was measured of networks from random weights that learn, each by itself,
    from labels alone; others have the task's own."""
    built_in, training = settings.data is None, settings.training
    taught = bool(settings.teacher) or settings.teacher_architecture is not None
    if taught or space.begin is not None or settings.search.evaluate == "shared":
        return Recipe(settled(task, training, built_in=built_in))
    return recipe_for(task, training, data, built_in=built_in)
