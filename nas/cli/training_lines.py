"""What `nas train` says while it works, a line at a time."""

from pathlib import Path

import torch

from nas.macs.count import MacsReport
from nas.report.tables import metric_text, metric_title, seconds_text
from nas.spec.architecture import ArchitectureSpec
from nas.spec.quantity import count_text
from nas.spec.training import TrainingSpec
from nas.tasks.base import TaskData
from nas.train.checkpoint import EpochResult


def source_line(source: Path | None, *, resumed: bool) -> str:
    """Which data a run uses."""
    if source is None:
        return "Data: scikit-learn's handwritten digits, which are built in (no --data was given)"
    return f"Data: {source}" + (" (resumed)" if resumed else "")


def data_lines(data: TaskData) -> list[str]:
    """What was done to the data that a person should know: splits made, files left out."""
    lines = []
    if data.made_splits:
        lines.append(
            f"  no {' and no '.join(data.made_splits)} split there: made from the training split, "
            "stratified"
        )
    if data.unreadable:
        lines.append(f"  {len(data.unreadable)} unreadable files are left out:")
        lines += [f"    {file}" for file in data.unreadable]
    return lines


def cost_line(
    architecture: ArchitectureSpec, cost: MacsReport, training: TrainingSpec, device: torch.device
) -> str:
    """The network, its cost and how it is trained."""
    size = "x".join(map(str, architecture.input.shape))
    return (
        f"{architecture.name}: {count_text(cost.total)} MACs, {count_text(cost.parameters)} "
        f"parameters, input {size}, {len(architecture.classes)} classes; {training.epochs} epochs "
        f"on {device}, threads: {torch.get_num_threads()}"
    )


def epoch_line(result: EpochResult, epochs: int, first_metric: str) -> str:
    """One finished epoch."""
    return (
        f"epoch {result.epoch:{len(str(epochs))}}/{epochs}  loss {result.train_loss:.4f}  "
        f"validation {metric_title(first_metric)} {metric_text(result.validation.first)}  "
        f"{seconds_text(result.seconds)}"
    )
