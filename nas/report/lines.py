"""Lines that a training run prints and logs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from nas.data.dataset import AnyTaskData
from nas.files import append_line
from nas.macs.count import MacsReport
from nas.macs.report import fact_text
from nas.report.tables import classes_text, metric_title, seconds_text
from nas.spec.architecture import ArchitectureSpec
from nas.spec.quantity import count_text
from nas.spec.training import TrainingSpec
from nas.tasks.base import Task
from nas.text_table import metric_text, plain_text

Say = Callable[[str], None]
"""Takes one line of progress: `print`, or a log."""

UNTAUGHT = "  training.teaching has no use: there is no teacher"
"""Where settings say how a teacher counts, and nobody teaches."""
SECONDS = 10.0
"""Seconds between two lines; faster reading is not reported."""


def also_to(file: Path, say: Say) -> Say:
    """As `say`, and each line is appended to `file` too; names in it are made harmless."""

    def both(line: str) -> None:
        line = plain_text(line)
        say(line)
        append_line(file, line)

    return both


class ReadingLines:
    """Reports now and then how many files are read."""

    def __init__(self, say: Say, clock: Callable[[], float] = monotonic) -> None:
        self._say, self._clock = say, clock
        self._said_at = clock()

    def __call__(self, done: int, total: int) -> None:
        if self._clock() - self._said_at < SECONDS:
            return
        self._said_at = self._clock()
        self._say(f"  {done} of {total} files read; the next run finds them in the cache")


SHOWN = 5
"""Most files left out that are named."""


def source_line(task: Task[Any], source: Path | None, *, resumed: bool) -> str:
    """Which data a run uses."""
    if source is None:
        return f"Data: {task.built_in_source}, which are built in (no --data was given)"
    return f"Data: {source}" + (" (resumed)" if resumed else "")


def made_words(task: Task[Any], seed: int) -> str:
    """How missing splits are made with that seed."""
    if not task.folds:
        return "made from the training split, stratified"
    fold = seed % task.folds
    after = (fold + 1) % task.folds
    return f"of {task.folds} folds, {fold} is the test and {after} the validation"


def data_lines(data: AnyTaskData, made: str) -> list[str]:
    """Remarks on the data: splits made, files left out.

    `made` are `made_words`. Of what is left out the first five are named; `--strict` stops at any.
    """
    lines = []
    if data.made_splits:
        lines.append(f"  no {' and no '.join(data.made_splits)} split there: {made}")
    if data.unreadable:
        lines.append(f"  {len(data.unreadable)} files or rows can't be used and are left out:")
        lines += [f"    {file}" for file in data.unreadable[:SHOWN]]
        if len(data.unreadable) > SHOWN:
            lines.append("    ...")
    return lines + [f"  {note}" for note in data.notes]


def cost_line(
    architecture: ArchitectureSpec,
    cost: MacsReport,
    facts: Mapping[str, float],
    training: TrainingSpec,
    *,
    device: str,
    threads: int,
) -> str:
    """The network, its cost with the task's own `facts`, and how it is trained."""
    size = "x".join(map(str, architecture.input.shape))
    epochs = "1 epoch" if training.epochs == 1 else f"{training.epochs} epochs"
    more = "".join(f" ({fact_text(name, value)})" for name, value in facts.items())
    return (
        f"{architecture.name}: {count_text(cost.total)} MACs{more}, {count_text(cost.parameters)} "
        f"parameters, input {size}, {classes_text(len(architecture.classes))}; {epochs} "
        f"on {device}, threads: {threads}"
    )


def begun_line(architecture: ArchitectureSpec, blocks: int, total: int) -> str:
    """From whose weights a network begins, and how many of its blocks."""
    begin = architecture.begin
    if begin is None:
        raise ValueError(f"{architecture.name} begins at random")
    whose = "" if begin.reference is None else f" of {begin.reference}"
    return f"begins with the weights{whose} ({begin.weights}) in {blocks} of its {total} blocks"


def round_line(
    number: int, rounds: int, metric: str, reached: float, added: Mapping[str, int] | None
) -> str:
    """One finished round, and the labels that it added by class; None for the last round.

    `reached` is the primary metric, named `metric`, on the validation split.
    """
    title = metric_title(metric)
    text = f"round {number}/{rounds} done: validation {title} {metric_text(reached)}"
    if added is None:
        return text
    counts = ", ".join(f"{name} {count}" for name, count in added.items() if count)
    return f"{text}; {sum(added.values())} labels added" + (f": {counts}" if counts else "")


def epoch_line(
    epoch: int, epochs: int, *, train_loss: float, metric: str, validation: float, seconds: float
) -> str:
    """One finished epoch with its primary metric, named `metric`."""
    return (
        f"epoch {epoch:{len(str(epochs))}}/{epochs}  loss {train_loss:.4f}  "
        f"validation {metric_title(metric)} {metric_text(validation)}  {seconds_text(seconds)}"
    )
