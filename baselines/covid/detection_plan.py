"""Detector baseline: its settings, whose weights may begin its backbone, and its runs."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from baselines.covid.detectors import INPUT, detector_architecture, detector_named
from baselines.covid.folds import begun_folds, finish_run, fold_folder, resumed_folds, run_folds
from baselines.covid.settings import (
    XrayBaselineSettings,
    XrayRequest,
    inputs_of,
    on_fold,
    shared_settings,
)
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.model.build import build_network
from nas.report.lines import Say
from nas.runs.folder import new_run_folder
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.tasks.registry import task_named
from nas.train import run
from nas.train.begin import library_weights, with_library_weights
from nas.train.plan import RunPlan, normalised_as_published
from nas.train.source import same_data
from nas.train.trained import ARCHITECTURE_FILE
from nas.train.weights import load_backbone

KEY = "--backbone-from"
TASK: Literal["covid-detection"] = "covid-detection"
PUBLISHED_LIKE = "torchvision:resnet50"
"""A network whose published weights want inputs normalised as all the detectors' do."""
COMMAND = "nas baseline covid-detection"
"""Goes on with what was stopped."""


def backbone_run(given: Path, fold: int) -> Path:
    """The run that `given` holds for a fold: itself, or of a classifier's folds that fold's last.

    Raises NasError for folds of a classifier without this one.
    """
    run = given
    if any(given.glob("fold-*")):
        run = fold_folder(given, fold)
        if not run.is_dir():
            raise NasError(f"holds folds of a classifier, but not fold {fold}", file=given, key=KEY)
    last = run / "step-3"
    return last if last.is_dir() else run


def refuse_leak(
    run: Path,
    detector: ArchitectureSpec,
    source: Path | None,
    groups: Path | None,
    *,
    several: bool,
) -> None:
    """Raise NasError for a run that learned from images of the detector's other splits.

    One on other data may have any splits. `several` says that the detector is trained on folds.
    """
    classifier = _architecture(run)
    if not _on_same_data(classifier, detector, source):
        return
    there, here = classifier.provenance.split_seed, detector.provenance.split_seed
    if there != here:
        hint = (
            ": a single run serves one fold, so give the folder of its folds (OUT of "
            "`nas baseline covid-study --folds`)"
            if several
            else f": give one of fold {here}"
        )
        raise NasError(
            f"was trained on the splits of fold {there}, so it has learned from images that fold "
            f"{here} tests{hint}",
            file=run,
            key=KEY,
        )
    before = classifier.provenance.groups
    if before != (None if groups is None else str(groups)):
        raise NasError(
            f"was split by other groups ({before or 'none'}), so it may have learned from images "
            f"that are tested here (groups: {groups or 'none'})",
            file=run,
            key=KEY,
        )


def _architecture(run: Path) -> ArchitectureSpec:
    file = run / ARCHITECTURE_FILE
    if not file.exists():
        raise NasError(
            f"no {ARCHITECTURE_FILE} in it, so nobody knows what it has learned from; give a "
            "folder that `nas train` or a baseline wrote",
            file=run,
            key=KEY,
        )
    return load_architecture(file)


def _on_same_data(
    classifier: ArchitectureSpec, detector: ArchitectureSpec, source: Path | None
) -> bool:
    """Whether both learn from one set; the built-in ones of two tasks may be two."""
    sets = {task_named(item.task).built_in_source for item in (classifier, detector)}
    return same_data(classifier, source) and (source is not None or len(sets) == 1)


class DetectionSettings(XrayBaselineSettings):
    """Settings of the runs of a detector on any fold."""

    baseline: Literal["covid-detection"] = TASK
    """The command that wrote it."""
    model: str
    """One of `baselines.covid.detectors.DETECTORS`."""
    backbone_from: Path | None
    """Finished run with whose weights its backbone begins, or a folder with one for each fold."""

    @property
    def architecture(self) -> ArchitectureSpec:
        """The detector, on the splits of the network whose inputs it has."""
        return self.on_fold(None)

    def on_fold(self, fold: int | None) -> ArchitectureSpec:
        """The detector on a fold's splits; None is that of `provenance`."""
        preprocess, facts = on_fold(self.preprocess, self.provenance, fold)
        whole = detector_architecture(detector_named(self.model), self.input, preprocess)
        whole = with_library_weights(replace(whole, provenance=facts), self.weights)
        return normalised_as_published(whole, like=PUBLISHED_LIKE) if self.has_weights else whole

    def backbone_on(self, fold: int | None) -> Path | None:
        """The run that fills the backbone on a fold; None where none does.

        Raises NasError for one that has learned from what the detector is tested on.
        """
        if self.backbone_from is None:
            return None
        detector = self.on_fold(fold)
        classifier = backbone_run(self.backbone_from, detector.provenance.split_seed)
        refuse_leak(classifier, detector, self.data, self.groups, several=fold is not None)
        return classifier


def detection_plan(settings: DetectionSettings, fold: int | None, folder: Path) -> RunPlan:
    """The run on one fold, None is that of the settings, in a new folder.

    Raises NasError for a backbone that has learned from what is tested.
    """
    return RunPlan(
        folder=folder,
        architecture=settings.on_fold(fold),
        training=settings.training,
        source=settings.data,
        groups=settings.groups,
        strict=settings.strict,
        pretrained=settings.pretrained,
        backbone_from=settings.backbone_on(fold),
        same_splits=True,
        threads=settings.threads,
    )


def detection_settings(
    request: XrayRequest, model: str, *, backbone_from: Path | None = None
) -> DetectionSettings:
    """Resolved settings of a request for a detector that can be built and, if asked for, filled.

    `backbone_from` is a classifier's run, or a folder with one for each fold.
    Raises NasError for whatever is wrong, before a folder is made.
    """
    detector = detector_named(model)
    size, preprocess, facts = INPUT, XrayPreprocess(labels="boxes"), Provenance()
    if request.inputs_of is not None:
        size, preprocess, facts = inputs_of(request.inputs_of)
        preprocess = preprocess.model_copy(update={"labels": "boxes"})
    if request.input is not None:
        if request.input.channels != size.channels:  # mean and std are by channel
            preprocess = XrayPreprocess(interpolation=preprocess.interpolation, labels="boxes")
        size = request.input
    settings = DetectionSettings(
        **dict(shared_settings(request, TASK, size, preprocess, facts)),
        model=detector.name,
        backbone_from=None if backbone_from is None else backbone_from.resolve(),
    )
    begin = settings.architecture.begin
    settings = settings.model_copy(update={"weights": None if begin is None else begin.weights})
    _try_out(settings)
    return settings


def _try_out(settings: DetectionSettings) -> None:
    """Build the network once, with its weights, those of each fold's classifier in turn.

    Raises NasError where that is not possible, or where it would leak.
    """
    architecture = settings.architecture
    task_named(architecture.task).check_architecture(architecture)
    weights = library_weights(architecture)
    network = build_network(architecture, pretrained=settings.pretrained, weights=weights)
    for fold in settings.folds or (None,):
        if (classifier := settings.backbone_on(fold)) is not None:
            load_backbone(network, classifier)


def train_detection(
    settings: DetectionSettings, device: torch.device, out: Path | None = None, *, say: Say = print
) -> None:
    """Train one run, or one for each fold, in a new folder.

    `out` None is `runs/NAME-baseline` or `-folds`. A single run goes on with `nas.resume_training`,
    folds with `resume_detection`.
    """
    if settings.folds:
        with begun_folds(out, f"{settings.model}-folds", settings) as folder:
            _run_folds(folder, settings, device, say)
        return
    folder = new_run_folder(out, f"{settings.model}-baseline")
    run.run_plan(detection_plan(settings, None, folder), device, say=say)


def resume_detection(
    out: Path, device: torch.device, *, threads: int | None = None, say: Say = print
) -> None:
    """Train what is left of a run for each fold."""
    with resumed_folds(out, DetectionSettings, threads) as settings:
        _run_folds(out, settings, device, say)


def _run_folds(out: Path, settings: DetectionSettings, device: torch.device, say: Say) -> None:
    def run_fold(fold: int, folder: Path) -> Path:
        plan, carry = partial(detection_plan, settings, fold), partial(_carry_out, settings, device)
        return finish_run(folder, plan, partial(carry, say=say), say=say)

    run_folds(out, settings.folds, run_fold, device, command=COMMAND, say=say)


def _carry_out(
    settings: DetectionSettings, device: torch.device, plan: RunPlan, *, say: Say
) -> None:
    run.carry_out(plan.on_threads(settings.threads), device, say=say)
