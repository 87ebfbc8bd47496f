"""From a listing to a loaded data set, the same for every kind of data."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nas.data.dataset import PreprocessT, SplitT, TaskData
from nas.data.files import first_of
from nas.data.listing import Listing
from nas.data.request import DataRequest
from nas.data.splits import Split
from nas.errors import NasError


def load_splits(
    request: DataRequest,
    listing: Listing[Any],
    preprocess: PreprocessT,
    read: Callable[[Split, list[str]], SplitT],
) -> TaskData[SplitT, PreprocessT]:
    """The splits that are asked for, each read once.

    `read` gives one of them and puts a line, `PATH: REASON`, into the list for whatever it leaves
    out. Raises NasError for anything left out where the request is strict.
    """
    left_out = list(listing.wrong)
    splits = {split: read(split, left_out) for split in request.splits}
    if request.strict and left_out:
        problem = f"{len(left_out)} unreadable files or rows{first_of(left_out, 5)}"
        raise NasError(problem, file=listing.source)
    return TaskData(
        splits=splits,
        classes=listing.classes,
        source=str(listing.source),
        preprocess=preprocess,
        input=request.input,
        made_splits=listing.made_splits,
        split_digest=listing.split_digest,
        unreadable=tuple(left_out),
        ignored_files=listing.ignored_files,
    )


def as_built_in(data: TaskData[SplitT, PreprocessT], name: str) -> TaskData[SplitT, PreprocessT]:
    """A data set that comes with the program, by its name: its splits are the same everywhere."""
    return replace(data, source=name, made_splits=(), split_digest="")
