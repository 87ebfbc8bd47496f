"""The data of the X-ray tasks, with what turns them into a network's inputs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from nas.data.normalise import fitted_preprocess
from nas.data.progress import Progress
from nas.data.split_names import Split
from nas.data.xray_set import XrayData
from nas.data.xrays import load_xray_data
from nas.spec.definition import InputSpec
from nas.spec.preprocess import XrayLabels, XrayPreprocess


@dataclass(frozen=True, eq=False)
class XrayTaskData:
    """Decoded X-rays with labels and boxes, the input's shape, the normalisation."""

    xrays: XrayData
    preprocess: XrayPreprocess
    input: InputSpec
    threshold: float | None = None
    """Score from which a box counts, chosen before; None lets a measurement choose the best."""

    @property
    def classes(self) -> tuple[str, ...]:
        return self.xrays.classes

    @property
    def source(self) -> str:
        return self.xrays.source

    @property
    def made_splits(self) -> tuple[Split, ...]:
        return self.xrays.made_splits

    @property
    def made_digest(self) -> str:
        return self.xrays.made_digest

    @property
    def unreadable(self) -> tuple[str, ...]:
        return self.xrays.unreadable

    @property
    def notes(self) -> tuple[str, ...]:
        return self.xrays.notes

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.input.height, self.input.width

    def normalised(self) -> Self:
        """The same X-rays; mean and deviation are those of the training split."""
        train = self.xrays.split("train").images
        return replace(self, preprocess=fitted_preprocess(self.preprocess, train))


def load_task_data(
    source: Path | None,
    input_spec: InputSpec,
    preprocess: XrayPreprocess,
    labels: XrayLabels,
    *,
    splits: tuple[Split, ...],
    seed: int,
    strict: bool,
    groups: Path | None,
    on_progress: Progress | None,
) -> XrayTaskData:
    """As `Task.load_data`, with these labels, which the preprocessing then says."""
    xrays = load_xray_data(
        source,
        input_spec.height,
        input_spec.width,
        input_spec.channels,
        preprocess,
        labels,
        splits=splits,
        seed=seed,
        strict=strict,
        groups=groups,
        on_progress=on_progress,
    )
    data = XrayTaskData(xrays, preprocess.model_copy(update={"labels": labels}), input_spec)
    return data if preprocess.says_normalisation else data.normalised()
