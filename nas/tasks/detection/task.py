"""The `detection` task: what is where in pictures, of any number of classes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from blocks import DetectionOutput
from nas.data.augment import AugmentSpec
from nas.data.batches import evaluation_batches, train_batch_count
from nas.data.dataset import DataRequest
from nas.data.decode import (
    SizedPixels,
    UnreadableImage,
    decode_bytes,
    guarded_pillow,
    image_extensions,
    read_content,
)
from nas.data.files import Progress, visible_files
from nas.data.image.box_load import load_boxes
from nas.data.image.box_set import BoxData, BoxSet
from nas.data.image.box_source import holds_boxes
from nas.data.image.preprocess import ImagePreprocess
from nas.data.normalise import Normalise, fitted_preprocess
from nas.data.splits import Split
from nas.data.synthetic.shapes import SHAPES_SOURCE
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec
from nas.spec.preprocess import Preprocess
from nas.spec.space import SpaceSpec
from nas.spec.training import TaskAugment, TrainingSpec
from nas.tasks.base import Batch, Metrics, Prediction, Thresholds
from nas.tasks.covid.batches import box_batches
from nas.tasks.covid.detections import Detections, class_scores, found_in
from nas.tasks.covid.requirements import box_loss, check_detector, check_detector_space
from nas.tasks.covid.suppression import to_original
from nas.tasks.detection.dense import DenseDetection, sides_of
from nas.tasks.detection.metrics import BoxMetrics
from nas.tasks.image.prediction import of_pictures
from nas.tasks.image.requirements import at_key, image_augment
from nas.tasks.outputs import NO_NUMBERS

EVALUATION_BATCH = 32
FILES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class BoxBatch:
    """Pictures of an evaluation batch, by the set that they are of."""

    pictures: BoxSet


class DetectionTask(DenseDetection[BoxData]):
    """Detection by F1 at IoU 0.5, the mean of the classes."""

    name: ClassVar[str] = "detection"
    primary_metric: ClassVar[str] = "f1_50"
    metric_titles: ClassVar[Mapping[str, str]] = {
        "f1_50": "F1 at IoU 0.5",
        "map_50": "mAP@0.5",
    }
    preprocess_types: ClassVar[tuple[type[Preprocess], ...]] = (ImagePreprocess,)
    augment_types: ClassVar[tuple[type[TaskAugment], ...]] = (AugmentSpec,)
    built_in_source: ClassVar[str] = SHAPES_SOURCE

    def check_architecture(self, architecture: ArchitectureSpec) -> None:
        upright(architecture.preprocess)
        check_detector(architecture, self.name)

    def check_space(self, space: SpaceSpec) -> str:
        if space.preprocess is not None:
            at_key(space, "preprocess", lambda: upright(space.preprocess))
        return check_detector_space(space)

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> BoxData:
        prepared = upright(request.preprocess)
        data = load_boxes(request.prepared(prepared), on_progress)
        return data if prepared.says_normalisation else self.measure_normalisation(data)

    def holds(self, source: Path) -> bool:
        return holds_boxes(source)

    def measure_normalisation(self, data: BoxData) -> BoxData:
        """The same pictures; mean and std are those of the training split."""
        train = data.split("train")
        return replace(data, preprocess=fitted_preprocess(data.preprocess, train.pixels))

    def resolved(self, training: TrainingSpec, *, built_in: bool = False) -> TrainingSpec:
        """The settings with loss and augmentation written out. Raises NasError for others'."""
        if training.pseudo_labelling is not None:
            raise NasError("the detection task adds no labels", key="training.pseudo_labelling")
        update = {"loss": box_loss(training), "augment": image_augment(training)}
        return training.model_copy(update=update)

    def decisions(self, data: BoxData, outputs: DetectionOutput) -> Tensor:
        """(N, P, K) whether the box of a location counts for a class, before suppression."""
        thresholds = data.thresholds or {}
        scores_NPK = class_scores(outputs)
        return scores_NPK >= scores_NPK.new_tensor([thresholds[name] for name in data.classes])

    def steps_per_epoch(self, data: BoxData, training: TrainingSpec) -> int:
        return train_batch_count(data.split("train"), training.batch_size)

    def train_batches(
        self,
        data: BoxData,
        training: TrainingSpec,
        generator: torch.Generator,
        device: torch.device,
    ) -> Iterator[Batch]:
        training = self.resolved(training)
        pictures, augment = data.split("train"), image_augment(training)
        return box_batches(pictures, data.preprocess, training, augment, generator, device)

    def evaluation_batches(
        self, data: BoxData, split: Split, device: torch.device
    ) -> Iterator[tuple[Tensor, BoxBatch]]:
        pictures = data.split(split)
        batches = evaluation_batches(pictures, EVALUATION_BATCH, data.preprocess, device)
        for x_NCHW, _ in batches:
            yield x_NCHW, BoxBatch(pictures)

    def measure(self, data: BoxData, outputs: Iterable[tuple[Any, Any]]) -> BoxMetrics:
        found: list[Detections] = []
        pictures = None
        for output, batch in outputs:
            found += found_in(output, data.input.shape[1:])
            pictures = batch.pictures
        if pictures is None:
            raise ValueError("no batches to measure")
        return BoxMetrics.from_detections(found, pictures, data.thresholds)

    def thresholds_of(self, metrics: Metrics) -> Thresholds:
        return metrics.thresholds if isinstance(metrics, BoxMetrics) else {}

    def metrics_from_json(self, values: Mapping[str, Any]) -> BoxMetrics:
        return BoxMetrics.from_json(values)

    def find_files(self, folder: Path) -> tuple[Path, ...]:
        return visible_files(folder, image_extensions())

    def predict(
        self,
        network: Callable[[Tensor], Any],
        architecture: ArchitectureSpec,
        files: Sequence[Path],
        device: torch.device,
        thresholds: Thresholds,
    ) -> Iterator[Prediction]:
        """`objects` (how many) and `boxes` of each file, in order: those from their class's
        threshold on, in pixels of the file."""
        if missing := [name for name in architecture.classes if name not in thresholds]:
            raise NasError(
                f"no threshold for {', '.join(missing)}: the run's folder keeps them in "
                "thresholds.yaml",
                key="thresholds",
            )
        for start in range(0, len(files), FILES_AT_ONCE):
            chosen = files[start : start + FILES_AT_ONCE]
            read = [_read(path, architecture) for path in chosen]
            pixels = [item.pixels for item in read if isinstance(item, SizedPixels)]
            found = iter(_found(network, architecture, pixels, device))
            for path, item in zip(chosen, read, strict=True):
                if isinstance(item, str):
                    yield Prediction(str(path), error=item)
                    continue
                yield _prediction(path, next(found), item.original_size, architecture, thresholds)


def upright(preprocess: Preprocess | None) -> ImagePreprocess:
    """The settings of pictures that are not turned, as their boxes are not. Raises NasError for
    others."""
    if preprocess is None:
        return ImagePreprocess(turn_portrait=False)
    given = of_pictures(preprocess)
    if given.turn_portrait and "turn_portrait" in given.model_fields_set:
        raise NasError(
            "boxes are not turned: needed is turn_portrait: false", key="preprocess.turn_portrait"
        )
    return given.model_copy(update={"turn_portrait": False})


def _read(path: Path, architecture: ArchitectureSpec) -> SizedPixels | str:
    """The decoded file, or why there is none."""
    channels, height, width = architecture.input.shape
    preprocess = upright(architecture.preprocess)
    with guarded_pillow():
        try:
            return decode_bytes(read_content(path), height, width, channels, preprocess)
        except OSError as error:
            return error.strerror or str(error)
        except UnreadableImage as error:
            return str(error)


def _found(
    network: Callable[[Tensor], Any],
    architecture: ArchitectureSpec,
    pixels: Sequence[np.ndarray[Any, Any]],
    device: torch.device,
) -> list[Detections]:
    if not pixels:
        return []
    preprocess = of_pictures(architecture.preprocess)
    normalise = Normalise(preprocess, architecture.input.channels, device)
    x_NCHW = torch.from_numpy(np.stack(pixels)).to(device).permute(0, 3, 1, 2)
    return found_in(network(normalise(x_NCHW)), architecture.input.shape[1:])


def _prediction(
    path: Path,
    found: Detections,
    original_size: tuple[int, int],
    architecture: ArchitectureSpec,
    thresholds: Thresholds,
) -> Prediction:
    if not found.finite:
        return Prediction(str(path), error=NO_NUMBERS)
    boxes_B4 = to_original(found.boxes_B4, original_size, architecture.input.shape[1:])
    numbers = np.zeros(len(boxes_B4), np.int64) if found.classes_B is None else found.classes_B
    names = [architecture.classes[number] for number in numbers]
    boxes = [
        {"class": name, "score": score, **sides_of(box)}
        for name, box, score in zip(names, boxes_B4.tolist(), found.scores_B.tolist(), strict=True)
        if score >= thresholds[name]
    ]
    return Prediction(str(path), {"objects": len(boxes), "boxes": boxes})
