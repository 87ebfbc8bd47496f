"""The `sed` task: which classes sound in a recording, and when."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from blocks import TimeAttentionOutput
from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.audio.dataset import AudioData, fitted_mel_preprocess
from nas.data.audio.load import load_recordings
from nas.data.audio.preprocess import MelPreprocess
from nas.data.audio.source import RECORDING_SUFFIXES, holds_recordings
from nas.data.audio.statistics import AudioStatistics, audio_statistics
from nas.data.dataset import DataRequest
from nas.data.files import Progress, visible_files
from nas.data.splits import Split
from nas.data.statistics import StatisticsRequest
from nas.data.synthetic.audio import BUILT_IN_AUDIO_SOURCE
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.definition import Head
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskAugment, TaskLoss, TrainingSpec
from nas.tasks.base import Batch, Loss, Metrics, Prediction, PseudoLabelled, Task, Thresholds
from nas.tasks.sed.batches import evaluation_batches, steps_per_epoch, train_batches
from nas.tasks.sed.event_tables import dcase_table, label_track, raven_table
from nas.tasks.sed.losses import (
    KnownLabelLoss,
    KnownLabelLossSpec,
    mean_outputs,
    mixed_outputs,
    taught_windows_loss,
)
from nas.tasks.sed.metrics import SedMetrics
from nas.tasks.sed.prediction import EVENT_COLUMNS, EvaluationTargets, predict_recordings, stitch
from nas.tasks.sed.probability import frame_probabilities
from nas.tasks.sed.pseudo_labels import add_labels, check_pseudo_labelling
from nas.tasks.sed.requirements import (
    check_network,
    check_space,
    mel_preprocess,
    resolved_for_sounds,
)
from nas.tasks.sed.targets import WindowTargets


def _cut(data: AudioData) -> dict[str, Any]:
    """All that decides the windows of spectrograms, by name."""
    size = {"input.height": data.input.height, "input.width": data.input.width}
    return size | data.preprocess.model_dump(exclude={"mean", "std", "score"})


class SedTask(Task[AudioData]):
    """Sound event detection by macro-F1 of windows."""

    name: ClassVar[str] = "sed"
    primary_metric: ClassVar[str] = "macro_f1"
    metric_titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro-F1", "lwlrap": "LWLRAP"}
    model_head: ClassVar[Head] = "attention"
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]] = (MelPreprocess,)
    loss_types: ClassVar[tuple[type[TaskLoss], ...]] = (KnownLabelLossSpec,)
    augment_types: ClassVar[tuple[type[TaskAugment], ...]] = (SpectrogramAugmentSpec,)
    built_in_source: ClassVar[str] = BUILT_IN_AUDIO_SOURCE
    needs_thresholds: ClassVar[bool] = True
    output_type: ClassVar[Any] = TimeAttentionOutput
    prediction_tables: ClassVar[Mapping[str, tuple[str, ...]]] = {"events": EVENT_COLUMNS}
    text_tables: ClassVar[Mapping[str, Callable[[Sequence[Prediction], ArchitectureSpec], str]]] = {
        "raven": raven_table,
        "audacity": label_track,
        "dcase": dcase_table,
    }

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        check_network(architecture)

    def check_space(self, space: SpaceSpec) -> str:
        return check_space(space)

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> AudioData:
        mel = mel_preprocess(request.preprocess)
        data = load_recordings(request.prepared(mel), on_progress)
        return data if mel.says_normalisation else self.measure_normalisation(data)

    def holds(self, source: Path) -> bool:
        return holds_recordings(source)

    def statistics(
        self, request: StatisticsRequest, on_progress: Progress | None = None
    ) -> AudioStatistics:
        return audio_statistics(request)

    def measure_normalisation(self, data: AudioData) -> AudioData:
        """The same recordings; mean and std are those of the training split's dB."""
        preprocess = fitted_mel_preprocess(data.preprocess, data.split("train"))
        return replace(data, preprocess=preprocess)

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        return resolved_for_sounds(training)

    def build_loss(self, training: TrainingSpec) -> Loss:
        loss = self.resolved(training).loss
        assert isinstance(loss, KnownLabelLossSpec)
        return KnownLabelLoss(loss)

    def steps_per_epoch(self, data: AudioData, training: TrainingSpec) -> int:
        return steps_per_epoch(data.split("train"), data.preprocess, data.input, training)

    def train_batches(
        self,
        data: AudioData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        return train_batches(
            data.split("train"),
            data.preprocess,
            data.input,
            self.resolved(training),
            generator,
            device,
        )

    def training_outputs(
        self, network: nn.Module, inputs: Tensor, targets: WindowTargets
    ) -> TimeAttentionOutput:
        return mixed_outputs(network, inputs, targets.mix)

    def evaluation_batches(
        self, data: AudioData, split: Split, device: torch.device
    ) -> Iterator[Batch]:
        recordings = data.split(split)
        for x_NCHW, windows in evaluation_batches(recordings, data.preprocess, data.input, device):
            yield x_NCHW, EvaluationTargets(recordings, windows)

    def measure(self, data: AudioData, outputs: Iterable[tuple[Any, Any]]) -> SedMetrics:
        results = stitch(outputs, data.preprocess.score)
        frame_s = data.preprocess.frame_s
        return SedMetrics.from_results(results, data.classes, frame_s, data.thresholds)

    def check_teacher(self, data: AudioData, teacher_data: AudioData) -> None:
        """Raises NasError where the two cut or measure the recordings otherwise: noise, masks and
        labels are of windows of one kind."""
        own, other = (_cut(item) for item in (data, teacher_data))
        if differing := [name for name in own if own[name] != other[name]]:
            name = differing[0]
            raise NasError(
                f"the teacher hears other windows: {name} is {other[name]} there, {own[name]} here",
                key="--teacher",
            )

    def soft_targets(self, outputs: TimeAttentionOutput) -> tuple[Tensor, ...]:
        return outputs.clipwise_NK.float(), outputs.segmentwise_NKT.float()

    def teaching_loss(
        self,
        outputs: TimeAttentionOutput,
        soft: Sequence[Tensor],
        targets: WindowTargets,
        temperature: float,
    ) -> Tensor:
        return taught_windows_loss(outputs, soft, targets.mix, temperature)

    def decisions(self, data: AudioData, outputs: TimeAttentionOutput) -> Tensor:
        """(N, K, T) whether a class is present in a frame."""
        thresholds = data.thresholds or {}
        threshold_K1 = torch.tensor([thresholds[name] for name in data.classes])[:, None]
        return frame_probabilities(outputs, data.preprocess.score) >= threshold_K1

    def mean_outputs(self, outputs: Sequence[TimeAttentionOutput]) -> TimeAttentionOutput:
        return mean_outputs(outputs)

    def thresholds_of(self, metrics: Metrics) -> Thresholds:
        return metrics.thresholds if isinstance(metrics, SedMetrics) else {}

    def data_facts(self, data: AudioData) -> dict[str, str]:
        """Whether the labels that it learns from are `complete`, or known `in part`."""
        return {"train_labels": "complete" if data.split("train").complete else "in part"}

    def check_pseudo_labelling(self, data: AudioData) -> None:
        """Raises NasError where all labels are known, as they are without false positives."""
        check_pseudo_labelling(data.split("train"))

    def pseudo_labelled(
        self,
        data: AudioData,
        network: Callable[[Tensor], Any],
        threshold: float,
        device: torch.device,
    ) -> PseudoLabelled[AudioData]:
        """Training data in which unknown frames that the network is sure of are positive."""
        results = stitch(
            (
                (network(x), targets)
                for x, targets in self.evaluation_batches(data, "train", device)
            ),
            data.preprocess.score,
        )
        probabilities = [result.probability_KT for result in results]
        train = data.split("train")
        added = add_labels(train, probabilities, threshold, data.preprocess)
        numbers = dict(zip(data.classes, train.species_ids, strict=True))
        more: AudioData = replace(data, splits={**data.splits, "train": added.recordings})
        return PseudoLabelled(more, added.counts, added.table(numbers))

    def cost_facts(self, architecture: ArchitectureSpec, macs: int) -> dict[str, float]:
        """`macs_per_audio_second`: of a window, over the seconds from one window to the next."""
        mel = mel_preprocess(architecture.preprocess)
        step_s = (architecture.input.width - mel.overlap_frames) * mel.frame_s
        return {"macs_per_audio_second": macs / step_s}

    def metrics_from_json(self, values: Mapping[str, Any]) -> SedMetrics:
        return SedMetrics.from_json(values)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return visible_files(folder, RECORDING_SUFFIXES)

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        return predict_recordings(network, architecture, files, device, thresholds)
