"""The runs that a submission is made with, each checked for what it says."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nas.errors import NasError
from nas.spec.preprocess import XrayPreprocess
from nas.tasks.covid.file_detections import FileDetections, Views, detect_in_files
from nas.tasks.covid.findings import SubmissionNetworks
from nas.train.trained import load_trained

if TYPE_CHECKING:
    from nas.train.trained import TrainedNetwork

ROLES = {
    "study": ("covid-study", "study"),
    "opacity": ("covid-study", "opacity"),
    "detection": ("covid-detection", "boxes"),
}
"""Task and labels of the run that each flag takes."""


def load_runs(
    runs: Mapping[str, Path | None], device: torch.device, views: Views
) -> SubmissionNetworks:
    """The networks of the runs given under the names of `ROLES`.

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
    study, opacity, detector = (loaded.get(role) for role in ROLES)
    return SubmissionNetworks(
        study=None if study is None else study.predict,
        opacity=None if opacity is None else opacity.predict,
        detector=None if detector is None else partial(_detect, detector, views),
    )


def _checked(trained: "TrainedNetwork", role: str, run: Path) -> "TrainedNetwork":
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
    trained: "TrainedNetwork", views: Views, files: Sequence[Path]
) -> Iterator[FileDetections]:
    network = trained.inference()
    return detect_in_files(network, trained.architecture, files, trained.device, views)
