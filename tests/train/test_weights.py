"""Weights go out and come back; what is damaged or foreign is named."""

from pathlib import Path

import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.train.weights import load_weights, save_weights
from tests.train.conftest import build_net


def test_round_trip_of_a_channels_last_network(tmp_path: Path) -> None:
    net = build_net(seed=1).to(memory_format=torch.channels_last)
    save_weights(net, tmp_path / "model.safetensors")
    other = build_net(seed=2)
    load_weights(other, tmp_path / "model.safetensors")
    for name, value in net.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no weights here"):
        load_weights(build_net(), tmp_path / "model.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 100, -5])
def test_cut_short(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "model.safetensors"
    save_weights(build_net(), file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(NasError, match="damaged weights"):
        load_weights(build_net(), file)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (nn.Sequential(nn.Linear(2, 2)), "no '.*' in the (file|architecture)"),
        (nn.Sequential(*build_net()[:4], nn.Linear(6, 4)), "'4.(weight|bias)' has shape"),
    ],
)
def test_of_another_architecture(tmp_path: Path, other: nn.Module, complaint: str) -> None:
    save_weights(build_net(), tmp_path / "model.safetensors")
    with pytest.raises(NasError, match=complaint):
        load_weights(other, tmp_path / "model.safetensors")
