"""Training as a function: what `nas train` and programs call."""

from collections.abc import Sequence
from pathlib import Path

import torch

from nas.errors import NasError
from nas.model.weights import HUB
from nas.report.lines import UNTAUGHT, Say, also_to
from nas.runs.folder import LOG_FILE, locked_run
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.training import TrainingSpec
from nas.train.begin import beginning_with
from nas.train.device import choose_device, default_threads
from nas.train.plan import RunPlan, new_plan
from nas.train.run import TrainingResult, carry_out, run_plan
from nas.train.source import source_of, teacher_from, teacher_of

TeacherChoice = str | Path | Sequence[str | Path] | ArchitectureSpec
"""The folder of a finished run, several, or a network that is trained first."""


def run_training(
    architecture: ArchitectureSpec | str | Path,
    *,
    data: str | Path | None = None,
    training: TrainingSpec | None = None,
    fold: int | None = None,
    groups: str | Path | None = None,
    strict: bool = False,
    pretrained: bool = False,
    weights: str | Path | None = None,
    teacher: TeacherChoice | None = None,
    unlabelled: str | Path | None = None,
    soft_targets: str | Path | None = None,
    out: str | Path | None = None,
    device: str | torch.device = "auto",
    threads: int | None = None,
    say: Say = print,
) -> TrainingResult:
    """Train a network, keep its best epoch by validation, and measure that on the test split once.

    Args:
        architecture: The network, or its YAML file, as `best.yaml` of a search.
        data: Folder or table of the task's data. None: what the architecture names, else the
            data set that comes with the installed packages.
        training: Settings. None: those that the architecture was found with, else the defaults.
        fold: Which fold is the test split, where a task makes splits of folds.
        groups: CSV `path,group`; no group crosses splits.
        strict: Stop at files that can't be read, instead of leaving them out.
        pretrained: Begin with the published weights of the network, which are downloaded.
        weights: Begin with these: `hub`, `pip:NAME`, a file, or the folder of a finished run.
        teacher: Folder of a finished run whose network teaches, or several, whose mean does; an
            architecture is trained first, into the folder `teacher` of the run. None: who taught
            the networks of the search that found this one; `()` is nobody.
        unlabelled: Folder of samples without labels, which are learned from the teacher alone.
        soft_targets: Folder in which the teacher's outputs are kept, at most 1 GB, for other
            trainings with the same data, random seed and teacher: these ask it no more.
        out: A new folder. None: `runs/NAME-train`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        threads: Cores that PyTorch uses meanwhile. None: half of them.
        say: Is told what goes on, a line at a time; the lines are kept in `log.txt` too.

    Raises NasError for settings, data or a device that can't serve, before a folder is made, and
    where training fails. A run that was stopped goes on with `resume_training`.
    """
    where = choose_device(device)
    _check_threads(threads)
    if not isinstance(architecture, ArchitectureSpec):
        architecture = teacher_from(load_architecture(architecture), Path(architecture))
    source = None if data is None else Path(data)
    unlabelled = None if unlabelled is None else Path(unlabelled)
    named = None
    if teacher is None:
        before = source_of(architecture, source)
        named = teacher_of(architecture, before, fold=fold, training=training)
    if named is not None:
        teacher, unlabelled = named.runs, unlabelled or named.unlabelled
    if pretrained and architecture.model is None:
        pretrained, weights = False, weights or HUB
    plan = new_plan(
        beginning_with(architecture, weights),
        data=source,
        training=training,
        fold=fold,
        groups=None if groups is None else Path(groups),
        strict=strict,
        pretrained=pretrained,
        teacher=_teachers(() if teacher is None else teacher),
        unlabelled=unlabelled,
        soft_targets=None if soft_targets is None else Path(soft_targets),
        threads=threads or default_threads(),
        out=None if out is None else Path(out),
    )
    if named is not None:
        also_to(plan.folder / LOG_FILE, say)(named.line)
    if plan.teacher is None and plan.training.teaching is not None:
        also_to(plan.folder / LOG_FILE, say)(UNTAUGHT)
    return run_plan(plan, where, say=say)


def resume_training(
    folder: str | Path,
    *,
    device: str | torch.device = "auto",
    threads: int | None = None,
    say: Say = print,
) -> TrainingResult:
    """Go on with a run that was stopped, from its last whole epoch.

    On the CPU, with as many threads, the result equals that of a run that never stopped. `threads`
    None are as many as it was begun with. Raises NasError for a folder without a run that was
    begun, for one that is finished, and for a step of a baseline, which the baseline goes on with.
    """
    where = choose_device(device)
    _check_threads(threads)
    plan = RunPlan.from_folder(Path(folder))
    if plan.step is not None:
        raise NasError(
            f"is a step ({plan.step}) of a baseline, trained in a way of its own: go on with "
            f"`nas baseline {plan.architecture.task} --resume` and the folder of the whole",
            file=folder,
            key="--resume",
        )
    with locked_run(plan.folder):
        return carry_out(
            plan.on_threads(threads or plan.threads or default_threads()), where, say=say
        )


def _teachers(given: TeacherChoice) -> Sequence[Path] | ArchitectureSpec:
    """The folders of what teaches, or the network that is trained first.

    Raises NasError for an empty text, which is no folder.
    """
    if isinstance(given, ArchitectureSpec):
        return given
    runs = [given] if isinstance(given, str | Path) else list(given)
    if "" in runs:
        raise NasError("'' is no folder; give one that `nas train` wrote", key="teacher")
    return [Path(run) for run in runs]


def _check_threads(threads: int | None) -> None:
    if threads is not None and threads < 1:
        raise NasError(f"{threads} is not allowed: at least 1", key="threads")
