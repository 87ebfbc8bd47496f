"""Request for data, from a command, a run or a search down to the loaders."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from nas.data.dataset import PreprocessT
from nas.data.splits import Split
from nas.spec.definition import InputSpec
from nas.spec.preprocess import Preprocess


@dataclass(frozen=True)
class DataRequest:
    """Splits of a data set at a network's input size."""

    source: Path | None
    """Folder, table or description; None is the task's built-in data set."""
    input: InputSpec
    preprocess: Preprocess | None = None
    """What it says is kept; a normalisation that it does not say is measured on the training split,
    which must then be among the splits."""
    splits: tuple[Split, ...] = ("train", "validation")
    """Only they are read."""
    seed: int = 0
    """Random seed of splits that are made."""
    strict: bool = False
    """Whether unreadable files are an error, instead of being left out."""
    groups: Path | None = None
    """Table (path, group) of the files that no split may part."""
    cache_dir: Path | None = None
    """Where decoded files are kept; None is $NAS_CACHE, else the user's cache folder."""

    def prepared(self, preprocess: Preprocess) -> Self:
        """The same data, prepared so."""
        return replace(self, preprocess=preprocess)

    def preprocess_of(self, kind: type[PreprocessT]) -> PreprocessT:
        """The preprocessing of that kind, its defaults where none is given.

        Raises ValueError for another kind: tasks refuse it before, in the user's words.
        """
        if self.preprocess is None:
            return kind.model_validate({})
        if not isinstance(self.preprocess, kind):
            raise ValueError(f"preprocessing of {kind.__name__}, not {self.preprocess!r}")
        return self.preprocess
