"""What a search must know of its data before it begins."""

from collections.abc import Callable
from dataclasses import dataclass

from nas.report.reading import ReadingLines
from nas.search.search_data import SearchData
from nas.search.settings import SearchSettings
from nas.spec.definition import InputSpec
from nas.spec.space import SpaceSpec
from nas.tasks.registry import task_of
from nas.train.device import choose_device


@dataclass(frozen=True)
class DataFacts:
    """Facts of the data that a search trains on."""

    classes: tuple[str, ...]
    source: str
    """A path, or the name of a built-in set."""
    unreadable: tuple[str, ...]
    """`PATH: REASON` of each file that is left out."""
    made_digest: str = ""
    """Of which file is in which split, where splits are made."""


def examine_data(
    space: SpaceSpec, settings: SearchSettings, say: Callable[[str], None]
) -> DataFacts:
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
    return DataFacts(data.classes, data.source, data.unreadable, data.made_digest)
