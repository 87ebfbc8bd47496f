"""Figures of a data set of any kind: lines for people, plain values for programs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from nas.data.dataset import DataRequest
from nas.data.splits import SPLITS, Split
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.spec.preprocess import Preprocess
from nas.text_table import aligned


@dataclass(frozen=True)
class StatisticsRequest:
    """Request for the statistics of a data set."""

    source: Path
    long_side: int | None = None
    """Width in pixels of the input that is suggested; None is the kind's own, or none."""
    seed: int = 0
    strict: bool = False
    groups: Path | None = None
    cache_dir: Path | None = None
    """These four as in `DataRequest`."""

    def refuse_long_side(self, why: str) -> None:
        """Raises NasError, saying why, for data whose shape suggests no input."""
        if self.long_side is not None:
            raise NasError(f"{why}: leave it out", key="--long-side")

    def data(
        self, size: InputSpec, preprocess: Preprocess | None, splits: tuple[Split, ...] = SPLITS
    ) -> DataRequest:
        """The same data set at an input size."""
        return DataRequest(
            self.source,
            size,
            preprocess,
            splits=splits,
            seed=self.seed,
            strict=self.strict,
            groups=self.groups,
            cache_dir=self.cache_dir,
        )


@dataclass(frozen=True)
class DataStatistics(ABC):
    """Figures of one data set: plain values, and tuples and dataclasses of them."""

    @abstractmethod
    def lines(self) -> list[str]:
        """The figures for people."""

    def as_json(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest of some sizes in pixels."""

    minimum: int
    median: int
    maximum: int

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """The spread of some sizes, at least one; the median is rounded."""
        sizes = np.asarray(values)
        return cls(int(sizes.min()), round(float(np.median(sizes))), int(sizes.max()))

    def __str__(self) -> str:
        return f"{self.minimum} to {self.maximum} pixels, median {self.median}"


class SplitFigures(Protocol):
    """Figures of one split."""

    @property
    def split(self) -> Split: ...

    @property
    def given(self) -> bool:
        """False where the split was taken from train."""


def copy_lines(copies: Sequence[str]) -> list[str]:
    """The files whose content stands in two splits; nothing where there are none."""
    if not copies:
        return []
    return [f"in two splits     {len(copies)} files", *(f"  {pair}" for pair in copies)]


def split_table(splits: Sequence[SplitFigures], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A column a split, under its name; the first of each row is what the row counts."""
    heads = [item.split + ("" if item.given else " (made)") for item in splits]
    return aligned([("class", *heads), *rows], left=(0,))
