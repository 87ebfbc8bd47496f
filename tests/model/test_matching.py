"""Files of weights that are another network's, or not whole: what is taken, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nas import build_network
from nas.errors import NasError
from nas.model.reference import load_reference
from nas.model.weights import load_source
from nas.spec.definition import BeginSpec
from tests.model.small_network import SMALL, filled


def wrong_shape(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**state, "layers.stem.0.weight": torch.zeros(8, 3, 5, 5)}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"net.{name}": value for name, value in state.items()}


def without_a_block(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if "body_1" not in name}


def more(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**state, "layers.other.weight": torch.zeros(3)}


def without_a_bias(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name != "head.linear.bias"}


Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def with_head(layer: str = "head.", **shapes: tuple[int, ...]) -> Change:
    """With tensors of those shapes in the head."""
    tensors = {f"{layer}{name}": torch.zeros(shape) for name, shape in shapes.items()}
    return lambda state: {**state, **tensors}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (wrong_shape, "'layers.stem.0.weight' has shape \\(8, 3, 5, 5\\)"),
        (renamed, "names of no network that is known, as 'net.*allowed: ours, or a .pth"),
        (without_a_block, r"lacks \d+ of the \d+ tensors of small, first 'layers.body_1"),
        (lambda state: {}, r"lacks (\d+) of the \1 tensors of small"),
        (without_a_bias, "lacks 'head.linear.bias' of small"),
        (more, "weights of another network: the file has 'layers.other.weight', small has not"),
        (with_head(extra=(3,)), "the file has 'head.extra', small has not"),
        (
            with_head("head.linear.", bias=(9, 3, 3, 3)),
            r"'head.linear.bias' has shape \(9, 3, 3, 3",
        ),
        (with_head("head.linear.", bias=(9,)), "'head.linear.weight' .*, for any classes"),
        (with_head("head.linear.", weight=(4, 9)), r"weight' has shape \(4, 9\), .*small \(4, 8\)"),
        (with_head("head.linear.", weight=(9, 8), bias=(7,)), r"'head.linear.bias' has shape \(7,"),
    ],
)
def test_another_networks_file_is_refused(change: Change, says: str, tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file(change(filled(SMALL).state_dict()), file)
    with pytest.raises(NasError, match=says) as refusal:
        load_source(BeginSpec(weights=str(file)), SMALL)
    assert refusal.value.key == "begin.weights"
    assert refusal.value.file == str(file)


def test_a_librarys_file_that_is_not_whole_is_said(tmp_path: Path) -> None:
    """Without its classifier it is taken, with a part of it not."""
    state = load_reference("torchvision:mobilenet_v2", None).state_dict()
    begin = BeginSpec(reference="mobilenet_v2", weights=str(tmp_path / "less.safetensors"))
    body = {name: value for name, value in state.items() if "classifier" not in name}
    save_file(body, tmp_path / "less.safetensors")
    assert not any(name.startswith("head.") for name in load_source(begin, SMALL).state)
    for lost in ("features.18.0.weight", "classifier.1.bias"):
        less = {name: value for name, value in state.items() if name != lost}
        save_file(less, tmp_path / "less.safetensors")
        with pytest.raises(NasError, match="lacks "):
            load_source(begin, SMALL)


@pytest.mark.parametrize("head", ["linear", "attention", "cbam_attention"])
@pytest.mark.parametrize("own", ["linear", "attention", "cbam_attention"])
def test_a_head_of_other_form_or_width_is_left_out(head: Any, own: Any, tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    theirs = replace(SMALL, head=head, classes=tuple("abcdefg"))
    save_file(build_network(theirs).state_dict(), file)
    source = load_source(BeginSpec(weights=str(file)), replace(SMALL, head=own))
    assert set(source.state) == {
        name for name in build_network(theirs).state_dict() if "head." not in name
    }


def test_tensors_in_another_order_are_refused(tmp_path: Path) -> None:
    """Scale and shift have the same shape: their kinds tell them apart."""
    state = renamed(filled(SMALL).state_dict())
    names = list(state)
    names[1], names[2] = names[2], names[1]
    torch.save({name: state[name] for name in names}, tmp_path / "other.pth")
    with pytest.raises(NasError, match="another network"):
        load_source(BeginSpec(weights=str(tmp_path / "other.pth")), SMALL)
