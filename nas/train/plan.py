"""All that decides a training run, and the files that it is written down in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from nas.data.files import Links
from nas.data.preprocess import PixelPreprocess
from nas.errors import NasError
from nas.files import write_together
from nas.model.published import library_normalisation
from nas.runs.folder import new_run_folder
from nas.spec.architecture import ArchitectureSpec, dump_architecture, load_architecture
from nas.spec.load import read_document
from nas.spec.provenance import Provenance
from nas.spec.training import TeachingSpec, TrainingSpec, load_training
from nas.spec.yaml_text import block
from nas.tasks.recipe import open_until_read, settled
from nas.tasks.registry import task_named
from nas.train.begin import begun_architecture
from nas.train.source import checked_fold, groups_of, on_fold, source_of, training_of
from nas.train.trained import ARCHITECTURE_FILE, load_mean, load_trained

TRAINING_FILE = "training.yaml"
METRICS_FILE = "metrics.json"
TEACHER_FILE = "teacher.yaml"
"""The architecture that is trained first, to teach."""
OWN_TEACHER = "teacher"
"""Folder within a run's own in which that is done."""


@dataclass(frozen=True)
class TeacherPlan:
    """Who teaches a run, and on what beside its training split."""

    runs: tuple[Path, ...]
    """Folders of finished runs or ensembles; the mean of several teaches."""
    architecture: ArchitectureSpec | None = None
    """A network that is trained into the one folder of `runs` first; None where they are there."""
    unlabelled: Path | None = None
    """Folder of samples without labels."""


@dataclass(frozen=True)
class RunPlan:
    """All that decides a run, before its data are read."""

    folder: Path
    architecture: ArchitectureSpec
    training: TrainingSpec
    """Resolved by the task, but for what the data choose when they are read."""
    source: Path | None
    groups: Path | None = None
    strict: bool = False
    pretrained: bool = False
    backbone_from: Path | None = None
    """Finished run with whose weights a detector's backbone begins."""
    same_splits: bool = False
    """Whether splits other than those that the architecture names are refused, not warned of."""
    resumed: bool = False
    threads: int | None = None
    """Cores that PyTorch uses: another number rounds sums otherwise."""
    teacher: TeacherPlan | None = None
    """Who teaches it; None for nobody."""
    soft_targets: Path | None = None
    """Folder in which the teacher's outputs are kept for other trainings on the same data."""
    tested: bool = True
    """Whether the test split is opened and measured on, at the end."""
    step: str | None = None
    """Which one of a pipeline's, that alone knows how it is trained; None for a plain run."""

    @classmethod
    def from_folder(cls, folder: Path) -> "RunPlan":
        """The plan of a run that was begun. Raises NasError if there is none, or it has ended."""
        for name in (ARCHITECTURE_FILE, TRAINING_FILE):
            if not (folder / name).exists():
                problem = f"no training run was begun here: {name} is missing; begin one elsewhere"
                raise NasError(problem, file=folder)
        if (folder / METRICS_FILE).exists():
            raise NasError("this run is finished: see its metrics.json", file=folder)
        architecture = load_architecture(folder / ARCHITECTURE_FILE)
        facts = architecture.provenance
        source = source_of(architecture, None)
        training = load_training(folder / TRAINING_FILE)
        return cls(
            folder=folder,
            architecture=architecture,
            training=settled(task_named(architecture.task), training, built_in=source is None),
            source=source,
            groups=groups_of(architecture, source, None),
            strict=facts.strict,
            pretrained=facts.pretrained,
            backbone_from=None if facts.backbone_from is None else Path(facts.backbone_from),
            resumed=True,
            threads=facts.threads,
            teacher=_teacher_of(folder, facts),
            step=facts.pipeline_step,
        )

    def on_threads(self, threads: int) -> Self:
        """The same run on so many cores."""
        return replace(self, threads=threads)

    def write(self, architecture: ArchitectureSpec) -> None:
        """Write `architecture`, which the data completed, and the settings into the folder."""
        texts = {ARCHITECTURE_FILE: dump_architecture(architecture)}
        if self.teacher is not None and self.teacher.architecture is not None:
            known = self.teacher.architecture.with_classes(architecture.classes)
            texts[TEACHER_FILE] = dump_architecture(known)
        texts[TRAINING_FILE] = block(self.training.model_dump(mode="json")) + "\n"
        write_together(self.folder, texts)


def _teacher_of(folder: Path, facts: Provenance) -> TeacherPlan | None:
    """Who taught the run in that folder."""
    if facts.teacher is None:
        return None
    file = folder / TEACHER_FILE
    return TeacherPlan(
        runs=tuple(folder / run for run in facts.teacher),
        architecture=load_architecture(file) if file.exists() else None,
        unlabelled=None if facts.unlabelled is None else Path(facts.unlabelled),
    )


def new_plan(
    architecture: ArchitectureSpec | str | Path,
    *,
    data: Path | None = None,
    training: TrainingSpec | None = None,
    fold: int | None = None,
    groups: Path | None = None,
    strict: bool = False,
    pretrained: bool = False,
    threads: int | None = None,
    teacher: Sequence[Path] | ArchitectureSpec = (),
    unlabelled: Path | None = None,
    soft_targets: Path | None = None,
    out: Path | None = None,
    name: str | None = None,
) -> RunPlan:
    """The plan of a new run in a new folder: `out`, else `runs/NAME`, e.g. `small-train`.

    `pretrained` is of another library's network: ours say in `begin` what they begin from.
    `teacher` are finished runs, or a network that is trained first. What is None comes from the
    architecture: its data, its groups, the training settings that it was found with. Raises
    NasError for what its task can't train, before a folder is made.
    """
    if not isinstance(architecture, ArchitectureSpec):
        architecture = load_architecture(architecture)
    task = task_named(architecture.task)
    task.check_architecture(architecture)
    if (chosen := checked_fold(task, fold)) is not None:
        architecture = on_fold(architecture, chosen)
    architecture = begun_architecture(architecture)  # after the fold, whose data it may not be of
    if pretrained or architecture.begin is not None:
        architecture = normalised_as_published(architecture)
    source = source_of(architecture, data)
    settings = training_of(architecture) if training is None else training
    check_teacher(teacher, unlabelled, settings)
    # measured of networks from random weights that learn from labels alone
    plain = not (teacher or pretrained or architecture.begin is not None)
    resolve = open_until_read if plain else settled
    resolved = resolve(task, settings, built_in=source is None)
    if teacher and resolved.teaching is None:
        resolved = resolved.model_copy(update={"teaching": TeachingSpec()})
    table = groups_of(architecture, source, groups)
    folder = new_run_folder(out, name or f"{architecture.name}-train")  # last: mistakes leave none
    return RunPlan(
        architecture=architecture,
        training=resolved,
        source=source,
        groups=table,
        strict=strict,
        pretrained=pretrained,
        threads=threads,
        teacher=planned_teacher(folder, teacher, unlabelled),
        soft_targets=soft_targets,
        folder=folder,
    )


def normalised_as_published(
    architecture: ArchitectureSpec, *, like: str | None = None
) -> ArchitectureSpec:
    """Another library's network with the normalisation that its published weights want.

    One that the architecture says counts first; spectrograms are no pictures and keep their own.
    `like` names the network whose weights want the same, where the library does not say it.
    """
    kind = task_named(architecture.task).preprocess_types[0]
    before = architecture.preprocess
    said = before is not None and before.says_normalisation
    if architecture.model is None or said or not issubclass(kind, PixelPreprocess):
        return architecture
    found = library_normalisation(like or architecture.model, architecture.input.channels)
    if found is None:
        return architecture
    wanted = {"mean": found[0], "std": found[1]}
    preprocess = (before or kind.model_validate({})).model_copy(update=wanted)
    return replace(architecture, preprocess=preprocess)


def check_teacher(
    teacher: Sequence[Path] | ArchitectureSpec, unlabelled: Path | None, training: TrainingSpec
) -> None:
    """Raises NasError for what can't teach, or can't be taught.

    Runs are loaded; whether their classes and inputs fit is known with the data.
    """
    if not teacher:
        if unlabelled is not None:
            raise NasError("samples without labels need a --teacher", key="--unlabelled")
        return
    if training.pseudo_labelling is not None and training.pseudo_labelling.rounds > 1:
        problem = "a teacher knows nothing of labels that are added between rounds: give one"
        raise NasError(problem, key="--teacher")
    if unlabelled is not None:
        if not unlabelled.is_dir():
            raise NasError("no such folder", file=unlabelled, key="--unlabelled")
        if not Links(unlabelled).files_below(unlabelled):
            raise NasError("holds no file", file=unlabelled, key="--unlabelled")
    if isinstance(teacher, ArchitectureSpec):
        return
    try:
        _ = load_mean(teacher) if len(teacher) > 1 else load_trained(teacher[0])
    except NasError as error:
        raise NasError(error.problem, file=error.file, line=error.line, key="--teacher") from error


def planned_teacher(
    folder: Path, teacher: Sequence[Path] | ArchitectureSpec, unlabelled: Path | None
) -> TeacherPlan | None:
    """The teacher of a run in `folder`; None for nobody."""
    if not teacher:
        return None
    below = None if unlabelled is None else unlabelled.resolve()
    if isinstance(teacher, ArchitectureSpec):
        return TeacherPlan((folder / OWN_TEACHER,), teacher, below)
    return TeacherPlan(tuple(run.resolve() for run in teacher), None, below)


def resolve_training(
    training: TrainingSpec, task: str, *, built_in: bool, file: Path | None = None
) -> TrainingSpec:
    """The settings with the task's own where they name none, but for what the data choose.

    `file` is where they were read. Raises NasError, with the place in the file, for settings of
    another task.
    """
    try:
        return open_until_read(task_named(task), training, built_in=built_in)
    except NasError as error:
        if file is None or error.key is None:
            raise
        document = read_document(file)
        key = tuple(error.key.split("."))
        raise document.error(
            key if "training" in document.data else key[1:], error.problem
        ) from error
