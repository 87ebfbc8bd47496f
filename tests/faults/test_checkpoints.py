"""Checkpoints and weights whose values can't be right: each is refused, and nothing is taken up."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from nas.errors import NasError
from nas.spec.training import TrainingSpec
from nas.train.loop import fit
from nas.train.weights import load_weights, save_weights
from tests.train.conftest import Points, PointTask

CPU = torch.device("cpu")
SHORT = TrainingSpec(epochs=2, batch_size=32, ema_decay=0.9, loss={"kind": "cross_entropy"})


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A checkpoint of one epoch out of two."""
    file = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    go_on(file, stop=True)
    return torch.load(file, weights_only=True)


def go_on(file: Path, *, stop: bool = False) -> Any:
    from nas.data.dataset import DataRequest
    from nas.spec.architecture import InputSpec

    data: Points = PointTask().load_data(DataRequest(None, InputSpec(height=4, width=4)))
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    )
    training = SHORT.model_copy(update={"epochs": 1}) if stop else SHORT
    return fit(network, data, PointTask(), training, device=CPU, checkpoint=file)


def put(*path: Any) -> Callable[[dict[str, Any]], None]:
    """A change that sets the value at the path, which is its last word."""
    *keys, last, value = path

    def change(content: dict[str, Any]) -> None:
        for key in keys:
            content = content[key]
        content[last] = value

    return change


LIES = {
    "best_epoch 99": put("best_epoch", 99),
    "best_epoch 0": put("best_epoch", 0),
    "best_epoch 'a'": put("best_epoch", "a"),
    "best_epoch True": put("best_epoch", True),
    "best_epoch 1.0": put("best_epoch", 1.0),
    "no best_epoch": lambda content: content.pop("best_epoch"),
    "no best weights": put("best_weights", {}),
    "best weights None": put("best_weights", None),
    "text for a weight": put("best_weights", "0.weight", "a"),
    "another shape": put("best_weights", "0.weight", torch.zeros(1)),
    "another type": put("network", "0.weight", torch.zeros((4, 3, 3, 3), dtype=torch.int64)),
    "float64": put("network", "0.weight", torch.zeros((4, 3, 3, 3), dtype=torch.float64)),
    "NaN": put("network", "0.weight", torch.full((4, 3, 3, 3), torch.nan)),
    "one weight more": put("network", "9.weight", torch.zeros(1)),
    "network a list": put("network", [1]),
    "no history": put("history", []),
    "history text": put("history", "ab"),
    "history twice": lambda content: content["history"].append(content["history"][0]),
    "epoch 7": put("history", 0, "epoch", 7),
    "loss 'a'": put("history", 0, "train_loss", "a"),
    "loss NaN": put("history", 0, "train_loss", float("nan")),
    "validation {}": put("history", 0, "validation", {}),
    "validation None": put("history", 0, "validation", None),
    "confusion text": put("history", 0, "validation", "confusion", "a"),
    "stopped 3": put("stopped", 3),
    "updates 'a'": put("average_updates", "a"),
    "no average": put("average", None),
    "an average of another": put("average", {"x": torch.zeros(1)}),
    "optimizer {}": put("optimizer", {}),
    "optimizer None": put("optimizer", None),
    "betas": lambda content: put("optimizer", "param_groups", 0, "betas", "ab")(content),
    "fewer weights": put("optimizer", "param_groups", 0, "params", [0]),
    "a moment's shape": put("optimizer", "state", 0, "exp_avg", torch.zeros(2)),
    "a moment's value": put("optimizer", "state", 0, "exp_avg", torch.ones((4, 3, 3, 3)) / 0),
    "no moment": put("optimizer", "state", 0, {}),
    "a step of text": put("optimizer", "state", 0, "step", "a"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_checkpoint_that_lies_is_refused(
    lie: str, content: dict[str, Any], tmp_path: Path
) -> None:
    changed, file = deepcopy(content), tmp_path / "checkpoint.pt"
    LIES[lie](changed)
    torch.save(changed, file)
    with pytest.raises(NasError) as caught:
        go_on(file)
    assert caught.value.file == str(file)
    assert "weights_only" not in str(caught.value)


def test_a_whole_checkpoint_is_gone_on_with(content: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    torch.save(content, file)
    assert len(go_on(file).history) == 2


@pytest.mark.parametrize("made", [[1, 2], {}, 7, Path("x"), nn.Linear(1, 1)], ids=repr)
def test_what_is_no_checkpoint_is_refused_without_advice_to_run_it(
    made: Any, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint.pt"
    torch.save(made, file)
    with pytest.raises(NasError) as caught:
        go_on(file)
    words = str(caught.value)
    assert "weights_only" not in words
    assert "torch.load" not in words


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.clear(), "no '(weight|bias)' in the file"),
        (lambda state: state.update(weight=torch.zeros((3, 2), dtype=torch.int32)), "int32"),
        (lambda state: state.update(weight=torch.full((3, 2), torch.nan)), "not finite"),
        (lambda state: state.update(weight=torch.zeros((2, 3))), "shape"),
    ],
)
def test_weights_that_can_not_be_the_network_s_are_refused(
    change: Callable[[Any], None], says: str, tmp_path: Path
) -> None:
    file, network = tmp_path / "model.safetensors", nn.Linear(2, 3)
    save_weights(network, file)
    state = load_file(file)
    change(state)
    save_file(state, file)
    with pytest.raises(NasError, match=says):
        load_weights(network, file)
