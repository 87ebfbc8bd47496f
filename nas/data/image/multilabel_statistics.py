"""Statistics of pictures with any number of labels: as of pictures, and each label's counts."""

from dataclasses import dataclass

from nas.data.files import Progress
from nas.data.image.multilabel import list_multilabel, with_labels
from nas.data.image.statistics import ImageStatistics, listed_statistics
from nas.data.splits import Split
from nas.data.statistics import DataStatistics, StatisticsRequest
from nas.text_table import aligned


@dataclass(frozen=True)
class LabelCounts:
    """Pictures of one split by what is known of one label."""

    label: str
    split: Split
    present: int
    absent: int
    unknown: int


@dataclass(frozen=True)
class MultilabelStatistics(DataStatistics):
    """Figures of one data set of pictures with any number of labels."""

    pictures: ImageStatistics
    """Of the pictures alone, which are one class there."""
    labels: tuple[LabelCounts, ...]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        own = [line for line in self.pictures.lines() if not line.startswith("balance")]
        rows: list[tuple[str, ...]] = [("label", "split", "present", "absent", "unknown")]
        rows += [
            (item.label, item.split, *map(str, (item.present, item.absent, item.unknown)))
            for item in self.labels
        ]
        return [*own, "", *aligned(rows, left=(0, 1)), *self.notes]


def multilabel_statistics(
    request: StatisticsRequest, on_progress: Progress | None = None
) -> MultilabelStatistics:
    """Figures of a data set, whose pictures are decoded (and cached) on the way.

    Raises NasError as `load_multilabel` does.
    """
    listed = list_multilabel(request.source, request.seed, request.groups)
    pictures, decoded = listed_statistics(listed.pictures, request, on_progress)
    data = with_labels(decoded, listed)
    counts = tuple(
        LabelCounts(
            name, split, *(int((found.marks_NK[:, k] == mark).sum()) for mark in (1, -1, 0))
        )
        for k, name in enumerate(data.classes)
        for split, found in data.splits.items()
    )
    return MultilabelStatistics(pictures, counts, data.notes)
