"""Time steps and their distance against strides multiplied by hand, and against real outputs."""

import pytest
import torch

from nas.errors import NasError
from nas.model.build import build_network
from nas.model.requirements import check_time_steps
from nas.model.time_stride import time_steps, time_stride
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import load_space, parse_space

HEADER = "task: sed\nhead: attention\nclasses: 3\n"


def written(layers: str, width: int = 512) -> ArchitectureSpec:
    text = f"{HEADER}input: {{channels: 1, height: 32, width: {width}}}\nlayers: {layers}\n"
    return parse_architecture(text)


def library(model: str, width: int = 512) -> ArchitectureSpec:
    text = f"{HEADER}input: {{channels: 1, height: 128, width: {width}}}\nmodel: {model}\n"
    return parse_architecture(text)


@pytest.mark.parametrize(
    ("layers", "width", "steps", "stride"),
    [
        ("[{block: Conv, out: 8}]", 100, 100, 1),
        ("[{block: Conv, out: 8, stride: 2}, {block: ShuffleNetV2, stride: 2}]", 512, 128, 4),
        ("[{block: Conv, out: 8, stride: 2x1}, {block: ShuffleNetV2, stride: 1x2}]", 512, 256, 2),
        # 500 -> 167 -> 165 -> 83: what edges cut off does not change the distance
        ("[{block: Conv, out: 8, stride: 2x3}, {block: MaxPool, kernel: 3, stride: 2x1},"
         " {block: ShuffleNetV2, stride: 1x2}]", 500, 83, 6),
        ("[{block: Conv, out: 8, stride: 5}, {block: Conv, out: 8, stride: 3x7}]", 512, 15, 35),
        ("[{block: Conv, out: 8, stride: 1x16}, {block: Conv, out: 8, stride: 1x16}]", 256, 1, 256),
    ],
)  # fmt: skip
def test_steps_and_stride_of_layers(layers: str, width: int, steps: int, stride: int) -> None:
    architecture = written(layers, width)
    assert time_steps(architecture) == steps
    assert time_stride(architecture) == stride
    network, x = build_network(architecture), torch.zeros(1, 1, 32, width)
    features = network.get_submodule("layers")(x)
    assert features.shape[3] == steps
    assert network.get_submodule("head")(features).segmentwise_NKT.shape == (1, 3, steps)
    assert network(x).segmentwise_NKT.shape == (1, 3, width)


@pytest.mark.parametrize(
    ("model", "steps", "stride"),
    [("timm:resnet18", 16, 32), ("timm:mobilenetv2_100", 16, 32), ("timm:densenet121", 16, 32)],
)
def test_steps_and_stride_of_another_library_s_network(model: str, steps: int, stride: int) -> None:
    assert time_steps(library(model)) == steps
    assert time_stride(library(model)) == stride


def test_a_network_without_time_is_refused() -> None:
    layers = "[{block: Conv, out: 8}, {block: GlobalAvgPool}, {block: Flatten}]"
    pooled = parse_architecture(f"input: {{height: 32, width: 512}}\nlayers: {layers}\nclasses: 3")
    with pytest.raises(NasError, match="end in a vector of 8, which has no time steps"):
        time_steps(pooled)
    with pytest.raises(NasError, match="1 steps over 512 frames, do not follow the time"):
        time_stride(written("[{block: Conv, out: 8}, {block: GlobalAvgPool}]"))


def test_a_network_of_one_size_only_is_refused() -> None:
    size = "{height: 224, width: 224}"
    swin = parse_architecture(
        f"input: {size}\nmodel: timm:swin_tiny_patch4_window7_224\nclasses: 3"
    )
    with pytest.raises(
        NasError, match=r"can't be measured on longer inputs: .* doesn't match model"
    ):
        time_stride(swin)


def test_a_network_needs_sixteen_steps() -> None:
    assert check_time_steps(written("[{block: Conv, out: 8, stride: 16}]", 256)) == 16
    with pytest.raises(NasError, match="the features have 15 time steps, and at least 16 must"):
        check_time_steps(written("[{block: Conv, out: 8, stride: 16}]", 240))
    assert check_time_steps(library("timm:resnet18")) == 16
    with pytest.raises(NasError, match="15 time steps"):
        check_time_steps(library("timm:resnet18", 480))


SPACE = """\
input: {channels: 1, height: 128, width: 512}
head: attention
classes: 3
layers:
  - {name: stem, block: Conv, out: [8, 16], stride: [4, 4x2]}
  - {name: body, block: [ShuffleNetV2, MaxPool], kernel: 3, stride: 2, repeat: {low: 1, high: 2}}
  - {name: last, block: Conv, out: 24, stride: [4x2, 4]}
"""


def test_the_members_of_a_space_need_sixteen_steps() -> None:
    text = SPACE.replace("[ShuffleNetV2, MaxPool], kernel: 3", "ShuffleNetV2")
    assert check_time_steps(parse_space(text)) == 16
    with pytest.raises(NasError) as refusal:
        check_time_steps(parse_space(text.replace("[4x2, 4]", "[4x2, 4, 5]"), "mine.yaml"))
    assert str(refusal.value).startswith("mine.yaml:7 layers[2]: of a member 24x")
    assert "x13 comes out of last, 13 time steps, and at least 16 must remain" in str(refusal.value)


def test_the_layer_where_time_runs_short_is_named() -> None:
    text = SPACE.replace("[ShuffleNetV2, MaxPool], kernel: 3, stride: 2", "Flatten")
    text = text.replace("{name: last, block: Conv, out: 24, stride: [4x2, 4]}", "{block: Dropout}")
    text = text.replace("repeat: {low: 1, high: 2}", "repeat: 1").replace(", repeat: 1", "")
    with pytest.raises(NasError, match=r"layers\[1\]: .* comes out of body, 0 time steps"):
        check_time_steps(parse_space(text))


def test_the_installed_space_keeps_sixteen_steps() -> None:
    space = load_space("sed.yaml")
    assert check_time_steps(space) == 16
    assert {state.shape[2] for state in space.outputs} >= {16, 32, 64}
