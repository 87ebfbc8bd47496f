"""What the usual loop does as our training, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

from benchmarks.plain_optuna import folder_classes
from benchmarks.usual_training import UsualTraining
from nas.data.dataset import DataRequest
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.image.task import ImageTask
from nas.train.optimizer import learning_rate_at

SIZE = InputSpec(channels=3, height=8, width=8)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for split in ("train", "val"):
        for name in ("b", "a", "B"):
            (root / split / name).mkdir(parents=True)
            for index in range(4):
                pixels = np.full((8, 8, 3), 60 * index, dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{index}.png")
    return root


def prepared(pictures: Path, **training: Any) -> tuple[UsualTraining, TrainingSpec]:
    spec = TrainingSpec.model_validate({"batch_size": 4, "epochs": 2, **training})
    return UsualTraining(pictures / "train", SIZE, ImagePreprocess(), spec, 0), spec


def test_rate_and_momentum_are_those_of_our_training(pictures: Path) -> None:
    usual, spec = prepared(pictures, batch_norm_momentum=0.3)
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, momentum=0.01), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    usual.prepare(network, spec.epochs)
    for epoch in range(2):
        usual.train_epoch(ImageTask().build_loss(spec))
        group = usual._optimizer.param_groups[0]
        assert group["betas"] == (0.9, 0.999)
        if epoch == 0:  # after 3 of 6 steps
            assert group["lr"] == pytest.approx(learning_rate_at(spec, 3, 6))
    assert network[1].momentum == 0.3


@pytest.mark.parametrize(
    ("key", "training"),
    [
        ("schedule", {"schedule": "cosine"}),
        ("ema_decay", {"ema_decay": 0.9}),
        ("precision", {"precision": "bfloat16"}),
        (r"augment\.cutout", {"augment": {"cutout": 0.3}}),
        (r"augment\.rotate_180", {"augment": {"rotate_180": True}}),
    ],
)
def test_what_it_can_not_do_is_refused(pictures: Path, key: str, training: dict[str, Any]) -> None:
    with pytest.raises(NasError, match=rf"training\.{key}: the usual"):
        prepared(pictures, **training)


def test_classes_are_numbered_as_ours(pictures: Path) -> None:
    assert folder_classes(pictures) == ImageTask().load_data(DataRequest(pictures, SIZE)).classes
