"""A data set as it is asked for, and as it is loaded: splits, and how inputs are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from nas.data.splits import Split
from nas.spec.definition import InputSpec
from nas.spec.preprocess import Preprocess

SplitT = TypeVar("SplitT")
PreprocessT = TypeVar("PreprocessT", bound=Preprocess)


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


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskData(Generic[SplitT, PreprocessT]):
    """A loaded data set of any kind, with the splits that were requested."""

    splits: Mapping[Split, SplitT]
    classes: tuple[str, ...]
    """Names of the classes, in the order of the network's outputs."""
    source: str
    """Where the data come from: a path, or the name of a built-in set."""
    preprocess: PreprocessT
    """What inference must repeat, normalisation included."""
    input: InputSpec
    """The network's input. Of sounds, height is the mel bands and width the frames of a window."""
    made_splits: tuple[Split, ...] = ()
    """Splits that the source lacks, taken from its training split by the seed."""
    split_digest: str = ""
    """Differs where made splits come out otherwise; empty where all splits are given."""
    unreadable: tuple[str, ...] = ()
    """`PATH: REASON` or `TABLE:LINE: REASON` of each file, row and box that was left out."""
    copies: tuple[str, ...] = ()
    """`FILE (SPLIT) = FILE (SPLIT)` of each file whose content stands in another split too, with
    `~` where it nearly does."""
    notes: tuple[str, ...] = ()
    """Further remarks on how the data were read, a line each."""
    ignored_files: int = 0
    """Files that are no part of the data set."""
    thresholds: Mapping[str, float] | None = None
    """Probability by class from which a class counts as present, chosen before on other data; None
    lets a measurement choose the best."""

    def split(self, name: Split) -> SplitT:
        """The named split. Raises ValueError if it was not loaded."""
        if name not in self.splits:
            raise ValueError(f"split {name!r} of {self.source} was not loaded")
        return self.splits[name]


AnyTaskData = TaskData[Any, Any]
"""Data of some task."""
