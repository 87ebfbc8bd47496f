"""The training runs of a big detector, before any data are read."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from baselines.covid.backbone_weights import backbone_run, refuse_leak
from baselines.covid.settings import XrayBaselineSettings, on_fold
from nas.spec.definition import ArchitectureSpec
from nas.train.plan import RunPlan

TASK: Literal["covid-detection"] = "covid-detection"


class DetectionSettings(XrayBaselineSettings):
    """All that decides the runs of a detector but the fold, before data are read."""

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
        from baselines.covid.detectors import detector_architecture, detector_named

        preprocess, facts = on_fold(self.preprocess, self.provenance, fold)
        whole = detector_architecture(detector_named(self.model), self.input, preprocess)
        return replace(whole, provenance=facts)

    def backbone_on(self, fold: int | None) -> Path | None:
        """The run that fills the backbone on a fold; None where none does.

        Raises NasError for one that has learned from what the detector is tested on.
        """
        if self.backbone_from is None:
            return None
        detector = self.on_fold(fold)
        run = backbone_run(self.backbone_from, detector.provenance.split_seed)
        refuse_leak(run, detector, self.data, self.groups, several=fold is not None)
        return run


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
