"""Networks whose outputs are no numbers, or not the ones that a task needs."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

import nas
from blocks import DetectionOutput, TimeAttentionOutput
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.model import reference
from nas.spec.architecture import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.outputs import not_finite
from nas.train.device import TrainingFailed
from nas.train.loop import fit
from tests.train.conftest import PointTask

SIZE = InputSpec(height=12, width=12)
ARCHITECTURE = """
name: sick
input: {channels: 3, height: 12, width: 12}
layers:
  - {block: Conv, out: 4, kernel: 3, stride: 2}
  - {block: GlobalAvgPool}
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for split, count in {"train": 6, "val": 3, "test": 3}.items():
        for name, value in {"dark": 40, "light": 200}.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.full((12, 12, 3), value + number, np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A finished run whose weights are finite and so large that its outputs are not."""
    root = tmp_path_factory.mktemp("runs")
    (root / "sick.yaml").write_text(ARCHITECTURE)
    training = TrainingSpec(epochs=1, batch_size=4)
    run = nas.run_training(
        root / "sick.yaml", data=pictures, training=training, out=root / "run", threads=1, say=list
    )
    state = load_file(run.folder / "model.safetensors")
    save_file({name: value * 1e30 for name, value in state.items() if value.is_floating_point()}
              | {name: value for name, value in state.items() if not value.is_floating_point()},
              run.folder / "model.safetensors")  # fmt: skip
    return run.folder


def test_predictions_of_no_numbers_are_errors(sick: Path, pictures: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nas.cli.predict import predict

    (tmp_path / "broken.png").write_bytes(b"")
    files = [str(pictures / "test" / "dark" / "0.png"), str(tmp_path / "broken.png")]
    result = CliRunner().invoke(predict, [str(sick), *files])
    assert result.exit_code == 1
    first, second = json.loads(result.stdout, parse_constant=pytest.fail)
    assert set(first) == set(second) == {"file", "error"}
    assert "not finite (NaN or infinity)" in first["error"]
    assert "2 of 2 files have no prediction" in result.stderr


def test_metrics_of_no_numbers_are_an_error(sick: Path, pictures: Path) -> None:
    with pytest.raises(NasError, match=r"not finite .* 6 of 6 samples of a batch of the test"):
        nas.evaluate(sick, say=list)
    with pytest.raises(NasError, match="not finite"):
        nas.evaluate([sick, sick], say=list)  # their mean


def test_a_teacher_of_no_numbers_is_an_error(sick: Path, pictures: Path, tmp_path: Path) -> None:
    shutil.copy(sick.parent / "sick.yaml", tmp_path)
    training = TrainingSpec(epochs=1, batch_size=4)
    with pytest.raises(NasError, match=r"--teacher: the network's outputs are not finite"):
        nas.run_training(
            tmp_path / "sick.yaml", data=pictures, training=training, teacher=sick,
            out=tmp_path / "run", threads=1, say=list,
        )  # fmt: skip


class Fading(nn.Module):
    """Gives numbers in training, and none in evaluation."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.layer(x)
        return logits if self.training else logits * self.value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_that_ends_in_no_numbers_has_failed(value: float) -> None:
    data = PointTask().load_data(DataRequest(None, InputSpec(height=4, width=4)))
    training = TrainingSpec(epochs=2, batch_size=32, loss={"kind": "cross_entropy"})
    with pytest.raises(TrainingFailed, match=r"not finite .* after epoch 1; try a lower"):
        fit(Fading(value), data, PointTask(), training, device=torch.device("cpu"))


def test_the_samples_of_no_numbers_are_told_apart() -> None:
    bad, good = torch.tensor([[0.0, torch.nan], [torch.inf, 0.0], [1.0, 2.0]]), torch.zeros(3, 2)
    assert not_finite(bad).tolist() == [True, True, False]
    assert not_finite(TimeAttentionOutput(good, bad[..., None])).tolist() == [True, True, False]
    boxes = torch.zeros(3, 2, 4)
    boxes[0, 0, 0], boxes[1, 0, 0] = torch.inf, torch.nan
    assert not_finite(DetectionOutput(good[..., None], boxes, good)).tolist() == [
        False, True, False,
    ]  # fmt: skip
    assert not_finite(DetectionOutput(good[..., None], boxes, bad)).tolist() == [True, True, False]


OWN = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self, num_classes=2):
        super().__init__()
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.last = nn.Linear(3, self.outputs or num_classes)
    outputs = None
    def forward(self, x):
        return self.put(self.last(self.pool(x)))
    def put(self, y):
        return y

class Good(Base): pass
class Five(Base): outputs = 5
class Pair(Base):
    def put(self, y): return y, y
class Named(Base):
    def put(self, y): return {"out": y}
class Nothing(Base):
    def put(self, y): return None
class Map(Base):
    def put(self, y): return y[..., None, None]
class Whole(Base):
    def put(self, y): return y.argmax(1)
class Twice(Base):
    def put(self, y): return (y, y) if self.training else y
class Mean(Base):
    def put(self, y): return y.mean(0)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own_outputs.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_outputs", raising=False)
    monkeypatch.setattr(reference, "_allowed", {"own_outputs"})
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("own_outputs", None)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Five", r"gives a float32 tensor \(2, 5\): .* here \(2, 2\); .* num_classes"),
        ("Pair", "gives a tuple: needed is one tensor"),
        ("Named", "gives a dict: needed"),
        ("Nothing", "gives a NoneType"),
        ("Map", r"float32 tensor \(2, 2, 1, 1\)"),
        ("Whole", r"int64 tensor \(2,\)"),
        ("Twice", "gives a tuple in training"),
        ("Mean", r"float32 tensor \(2,\)"),
    ],
)
def test_a_network_of_one_s_own_with_other_outputs_is_refused(
    name: str, says: str, own: Path, pictures: Path
) -> None:
    (own / "own.yaml").write_text(
        f"input: {{channels: 3, height: 12, width: 12}}\nmodel: own_outputs:{name}\n"
    )
    with pytest.raises(NasError, match=says):
        nas.run_training(own / "own.yaml", data=pictures, out=own / "run", threads=1, say=list)
    assert not (own / "run" / "architecture.yaml").exists()


def test_a_run_whose_network_has_changed_since_is_refused(own: Path, pictures: Path) -> None:
    text = "input: {channels: 3, height: 12, width: 12}\nmodel: own_outputs:Good\n"
    (own / "own.yaml").write_text(text)
    training = TrainingSpec(epochs=1, batch_size=4)
    run = nas.run_training(
        own / "own.yaml", data=pictures, training=training, out=own / "run", threads=1, say=list
    )
    [found] = nas.predict(run.folder, [pictures / "test" / "dark" / "0.png"])
    assert found.error is None
    file = run.folder / "architecture.yaml"
    file.write_text(file.read_text().replace("own_outputs:Good", "own_outputs:Pair"))
    with pytest.raises(NasError, match="gives a tuple"):
        nas.load_trained(run.folder)
