"""The usual way to batches: a DataLoader whose workers make each item anew in each epoch."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from torch.utils.data import DataLoader, Dataset

from nas.tasks.base import Batch

Item = TypeVar("Item")


def usual_loader(
    dataset: Dataset[Item], collate: Callable[[list[Item]], Batch], batch_size: int, workers: int
) -> Iterable[Batch]:
    """Shuffled batches of a data set; a last one that is not full is dropped."""
    loader: Iterable[Batch] = DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,  # starting them is not counted
    )
    return loader
