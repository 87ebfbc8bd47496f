"""The runs that a submission is made with, each checked for what it says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from nas.data.splits import Split
from nas.data.xray.preprocess import XrayPreprocess
from nas.data.xray.source import holds_xrays
from nas.errors import NasError
from nas.report.lines import Say
from nas.spec.definition import ArchitectureSpec
from nas.tasks.covid.findings import (
    SubmissionNetworks,
    SubmittedXray,
    listed_for_submission,
    submitted,
    xrays_in,
)
from nas.tasks.covid.tta import FileDetections, TtaSettings, detect_in_files, first_symmetries
from nas.tasks.registry import task_named
from nas.train.source import checked_fold, groups_of, same_data
from nas.train.trained import TrainedNetwork, load_trained

ROLES = {
    "study": ("covid-study", "study"),
    "opacity": ("covid-study", "opacity"),
    "detection": ("covid-detection", "boxes"),
}
"""Task and labels of the run that each flag takes."""


@dataclass(frozen=True)
class TrainedOn:
    """The splits of a data set that runs were trained on."""

    fold: int
    """The one that is the test split."""
    groups: Path | None


def load_runs(runs: Mapping[str, Path | None], device: torch.device) -> dict[str, TrainedNetwork]:
    """The runs given, under the names of `ROLES`.

    Raises NasError for none at all, and for a run of another task or with other labels.
    """
    loaded = {
        role: _checked(load_trained(run, device), role, run)
        for role, run in runs.items()
        if run is not None
    }
    if not loaded:
        flags = ", ".join(f"--{role}" for role in ROLES)
        raise NasError(f"give at least one run, with {flags}")
    return loaded


def trained_on(loaded: Mapping[str, TrainedNetwork], data: Path) -> TrainedOn | None:
    """The splits of `data` that these runs were trained on; None where none was trained on it.

    Raises NasError where they differ: images that one was tested on, another has learned from.
    """
    known: dict[TrainedOn, Path] = {}
    for trained in loaded.values():
        for run, architecture in ((item.run, item.architecture) for item in trained.members):
            if not same_data(architecture, data.resolve()):
                continue
            on = TrainedOn(architecture.provenance.split_seed, groups_of(architecture, data, None))
            known.setdefault(on, run)
    if len(known) > 1:
        said = "; ".join(f"{run}: fold {on.fold}, groups {on.groups}" for on, run in known.items())
        raise NasError(f"the runs were trained on other splits of these: {said}", file=data)
    return next(iter(known), None)


def submitted_xrays(
    data: Path,
    loaded: Mapping[str, TrainedNetwork],
    *,
    split: Split | None = None,
    fold: int | None = None,
    warn: Say = print,
) -> list[SubmittedXray]:
    """The X-rays of a folder, or of a labelled data set, which may be one that runs learned from.

    `warn` is told where what is measured would be too high. Raises NasError for a folder that is
    not there, and for splits other than those that the runs were trained on.
    """
    checked_fold(task_named("covid-study"), fold)
    if not holds_xrays(data):
        if not data.is_dir():
            raise NasError("no such folder", file=data)
        if split is not None:
            raise NasError("has no tables, so it has no splits", file=data, key="--split")
        return xrays_in(data)
    own = trained_on(loaded, data)
    if own is None:
        return submitted(listed_for_submission(data, split, fold or 0))
    if fold not in (None, own.fold):
        raise NasError(
            f"the runs were trained with fold {own.fold} as their test split: images that fold "
            f"{fold} tests on they have learned from",
            key="--fold",
        )
    if split is None:
        warn(
            "WARNING: the runs were trained on some of these images: what `nas covid check` "
            "measures of them is too high; give --split test"
        )
    return submitted(listed_for_submission(data, split, own.fold, own.groups))


def submission_networks(
    loaded: Mapping[str, TrainedNetwork], tta: TtaSettings
) -> SubmissionNetworks:
    """The runs as what a submission is made with."""
    study, opacity, detector = (loaded.get(role) for role in ROLES)
    if detector is not None:
        refuse_transposed(detector.architecture, tta)
    return SubmissionNetworks(
        study=None if study is None else study.predict,
        opacity=None if opacity is None else opacity.predict,
        detector=None if detector is None else partial(_detect, detector, tta),
    )


def refuse_transposed(architecture: ArchitectureSpec, tta: TtaSettings) -> None:
    """Raise NasError for symmetries that exchange height and width, for a network that can't.

    A whole detector of another library is built for one height and width.
    """
    height, width = architecture.input.height, architecture.input.width
    turned = any(symmetry.transposed for symmetry in first_symmetries(tta.count))
    if architecture.head == "none" and height != width and turned:
        raise NasError(
            f"{tta.count} symmetries exchange height and width, but {architecture.name} takes an "
            f"input of {height}x{width} alone; allowed: 1 to 4",
            key="--tta",
        )


def _checked(trained: TrainedNetwork, role: str, run: Path) -> TrainedNetwork:
    task, labels = ROLES[role]
    architecture = trained.architecture
    own = architecture.preprocess
    found = own.labels if isinstance(own, XrayPreprocess) else None
    if architecture.task != task or found != labels:
        raise NasError(
            f"is of the task {architecture.task}, labels {found}; needed is {task} with the labels "
            f"{labels}",
            file=run,
            key=f"--{role}",
        )
    return trained


def _detect(
    trained: TrainedNetwork, tta: TtaSettings, files: Sequence[Path]
) -> Iterator[FileDetections]:
    network = trained.inference()
    return detect_in_files(network, trained.architecture, files, trained.device, tta)
