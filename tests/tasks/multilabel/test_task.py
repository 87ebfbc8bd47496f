"""The multilabel task from a table to a prediction, and the exported program's answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from nas.data.dataset import DataRequest
from nas.data.image.multilabel import MultilabelSet
from nas.data.statistics import StatisticsRequest
from nas.errors import NasError
from nas.export.standalone.pictures import label_values
from nas.spec.architecture import parse_architecture
from nas.spec.definition import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.tasks.multilabel.task import MultilabelTask, known_label_loss, rarest_counts
from nas.tasks.registry import task_of_data

TASK = MultilabelTask()
CPU = torch.device("cpu")
SMALL = InputSpec(channels=1, height=8, width=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bright pictures have `light`, those with a dark half `edge`; every seventh is unknown."""
    rows = []
    for n in range(42):
        light, edge = n % 2, n % 3 == 0
        pixels = np.full((8, 8), 200 if light else 60, np.uint8)
        pixels[:, :4] = 0 if edge else pixels[:, :4]
        pixels[0, n % 8] = n
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        rows.append(f"{n}.png,{light if n % 7 else -1},{int(edge)}\n")
    (tmp_path / "images.csv").write_text("path,light,edge\n" + "".join(rows))
    return tmp_path


def test_a_table_is_recognised_loaded_and_counted(folder: Path) -> None:
    assert task_of_data(folder).name == task_of_data(folder / "images.csv").name == "multilabel"
    splits = ("train", "validation", "test")
    data = TASK.load_data(DataRequest(folder, SMALL, splits=splits, cache_dir=folder / "cache"))
    assert data.classes == ("light", "edge")
    assert sum(len(data.split(split)) for split in splits) == 42
    train = data.split("train")
    unknown = [int(path.removesuffix(".png")) % 7 == 0 for path in train.paths]
    np.testing.assert_array_equal(train.marks_NK[:, 0] == 0, unknown)
    x_NCHW, marks_NK = next(
        iter(TASK.train_batches(data, TrainingSpec(), torch.Generator().manual_seed(0), CPU))
    )
    bright_N = x_NCHW[:, 0].flatten(1).quantile(0.9, dim=1) > 0
    known_N = marks_NK[:, 0] != 0
    assert torch.equal(bright_N[known_N], marks_NK[known_N, 0] > 0)
    statistics = TASK.statistics(StatisticsRequest(folder, cache_dir=folder / "cache"))
    assert any(line.startswith("light  train") for line in statistics.lines())
    assert sum(item.present for item in statistics.labels if item.label == "edge") == 14
    assert statistics.as_json()["labels"][0]["label"] == "light"


def test_the_loss_is_pytorchs_over_the_known_labels() -> None:
    torch.manual_seed(0)
    logits_NK = torch.randn(6, 3)
    marks_NK = torch.tensor([[1, -1, 0]] * 6, dtype=torch.int8)
    expected = functional.binary_cross_entropy_with_logits(
        logits_NK[:, :2], torch.tensor([[1.0, 0.0]] * 6)
    )
    torch.testing.assert_close(known_label_loss(logits_NK, marks_NK), expected)
    assert known_label_loss(logits_NK, torch.zeros_like(marks_NK)) == 0


def test_a_picture_is_drawn_by_its_rarest_label() -> None:
    marks = np.array([[1, -1], [1, 1], [1, -1], [-1, -1]], np.int8)
    pictures = MultilabelSet(
        np.zeros((4, 2, 2, 1), np.uint8), marks, np.arange(4), ("",) * 4, ("a", "b")
    )
    assert rarest_counts(pictures).tolist() == [3, 1, 3, 1]


def test_settings_of_one_label_are_refused() -> None:
    with pytest.raises(NasError, match="cross_entropy_f1 is no loss of the multilabel task"):
        TASK.resolved(TrainingSpec(loss=LossSpec()))


def test_predictions_are_the_exported_programs(folder: Path) -> None:
    text = "task: multilabel\ninput: {channels: 1, height: 8, width: 8}\nlayers:\n"
    written = parse_architecture(text + "  - {block: Conv, out: 4, kernel: 3}\n")
    data = TASK.load_data(DataRequest(folder, SMALL, cache_dir=folder / "cache"))
    architecture = replace(written.with_classes(data.classes), preprocess=data.preprocess)
    logits_K = torch.tensor([0.3, -0.2])

    class Constant(nn.Module):
        def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
            return logits_K.expand(len(x_NCHW), 2)

    thresholds = {"light": 0.5, "edge": 0.4}
    files = [folder / "0.png", folder / "images.csv"]
    good, bad = TASK.predict(Constant(), architecture, files, CPU, thresholds)
    assert bad.error
    assert good.values["labels"] == "light|edge"
    other = label_values(logits_K.numpy(), list(data.classes), thresholds)
    assert other["labels"] == good.values["labels"]
    assert other["probabilities"] == pytest.approx(good.values["probabilities"])
