"""Data of a training run and of later measurements."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.data.dataset import AnyTaskData, DataRequest
from nas.data.splits import SPLITS, Split
from nas.errors import NasError, listed
from nas.machine import environment
from nas.report.lines import ReadingLines, Say
from nas.spec.architecture import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.tasks.base import Task
from nas.tasks.registry import task_named
from nas.train.plan import OWN_TEACHER, RunPlan
from nas.train.source import groups_of, made_otherwise, same_data
from nas.train.trained import TrainedNetwork

OTHER_SPLITS = (
    "files came or went in the data since, so the splits that are made from them are others: "
    "files of the test split may have been learned from"
)


def load_run_data(plan: RunPlan, task: Task[Any], say: Say) -> AnyTaskData:
    """All three splits; normalised anew if the architecture was made on other data.

    Slow reading is reported. Raises NasError where the training asks for labels that
    these data can't be given.
    """
    data: AnyTaskData = task.load_data(data_request(plan), ReadingLines(say))
    if (rounds := plan.training.pseudo_labelling) is not None and rounds.rounds > 1:
        task.check_pseudo_labelling(data)
    given = plan.architecture.preprocess
    begun = plan.pretrained or plan.architecture.begin is not None
    known = given is not None and given.says_normalisation and not begun
    if known and not plan.resumed and not same_data(plan.architecture, plan.source):
        data = task.measure_normalisation(data)
    return data


def data_request(plan: RunPlan) -> DataRequest:
    """The data that a plan names: all three splits, or those but the test."""
    return DataRequest(
        plan.source,
        plan.architecture.input,
        plan.architecture.preprocess,
        splits=SPLITS if plan.tested else ("train", "validation"),
        seed=plan.architecture.provenance.split_seed,
        strict=plan.strict,
        groups=plan.groups,
    )


def adopted(plan: RunPlan, task: Task[Any], data: AnyTaskData) -> ArchitectureSpec:
    """The architecture with these data's classes and preprocessing, and where it comes from.

    Raises NasError where a resumed run's data are others than those that it was begun with, and
    where the splits must be the architecture's own and are not.
    """
    if plan.resumed:
        _refuse_other_data(plan, data)
        return plan.architecture
    if plan.same_splits and made_otherwise(plan.architecture, plan.source, data.split_digest):
        raise NasError(OTHER_SPLITS, file=data.source)
    architecture = plan.architecture.with_classes(data.classes)
    task.check_architecture(architecture)
    before = architecture.provenance
    if plan.step is None:
        # of the network that this one is trained anew from
        before = before.without("aux_weight", "teacher", "unlabelled")
    facts = Provenance(
        data=data.source,
        split_seed=before.split_seed,
        training_seed=plan.training.seed,
        split_digest=data.split_digest,
        groups=None if plan.groups is None else str(plan.groups),
        strict=plan.strict,
        pretrained=plan.pretrained,
        backbone_from=None if plan.backbone_from is None else str(plan.backbone_from),
        threads=plan.threads,
        pipeline_step=plan.step,
        commit=environment()["commit"],
        **_teacher_facts(plan),
        **task.data_facts(data),
    )
    return replace(architecture, preprocess=data.preprocess, provenance=before.joined(facts))


def _teacher_facts(plan: RunPlan) -> dict[str, Any]:
    """Who teaches, for the provenance; a teacher of its own is named as its folder sees it."""
    teacher = plan.teacher
    if teacher is None:
        return {}
    own = teacher.architecture is not None
    facts: dict[str, Any] = {"teacher": [OWN_TEACHER] if own else list(map(str, teacher.runs))}
    return facts | ({} if teacher.unlabelled is None else {"unlabelled": str(teacher.unlabelled)})


def _refuse_other_data(plan: RunPlan, data: AnyTaskData) -> None:
    if plan.architecture.classes != data.classes:
        raise NasError(
            f"the data have the classes {listed(data.classes)} now, but the run was begun "
            f"with {listed(plan.architecture.classes)}",
            file=plan.folder,
        )
    if made_otherwise(plan.architecture, plan.source, data.split_digest):
        raise NasError(f"{OTHER_SPLITS}; begin a new run", file=plan.folder)


def other_fold_warning(architecture: ArchitectureSpec) -> str | None:
    """That a network was found on other splits, if it was."""
    fold = architecture.provenance.found_on_split_seed
    if fold is None:
        return None
    return (
        f"the search that found this network had the splits of fold {fold}: its choice knows "
        "images that are in the test split here"
    )


def load_measured_data(
    trained: TrainedNetwork,
    source: Path | None,
    splits: tuple[Split, ...],
    *,
    groups: Path | None = None,
    strict: bool = False,
) -> AnyTaskData:
    """The splits of `source` (None: the built-in data), prepared and divided as for training.

    Raises NasError for data with other classes.
    """
    architecture = trained.architecture
    request = DataRequest(
        source,
        architecture.input,
        architecture.preprocess,
        splits=splits,
        seed=architecture.provenance.split_seed,
        strict=strict,
        groups=groups_of(architecture, source, groups),
    )
    loaded: AnyTaskData = task_named(architecture.task).load_data(request)
    if loaded.classes != architecture.classes:
        raise NasError(
            f"has the classes {listed(loaded.classes)}, but the network was trained for "
            f"{listed(architecture.classes)}",
            file=loaded.source,
        )
    return loaded
