"""Traps of the tools that the rows come from."""

from typing import Any

import pytest
import torch

from blocks import BLOCKS
from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import LayerSpec
from nas.spec.provenance import Provenance
from nas.spec.rows import dump_rows
from tests.spec.recording import recorded_shapes


def network(rows: str, header: str = "") -> ArchitectureSpec:
    ending = "  - [1, GlobalAvgPool, []]\n  - [1, FixedConv, [9, 1, 1, null, 1, null]]\n"
    return parse_architecture(f"input_size: [30, 40]\n{header}backbone:\n{rows}{ending}")


def test_padding_0_is_none_and_null_is_automatic() -> None:
    for padding, expected in (("0", (28, 38)), ("null", (30, 40)), ("2", (32, 42))):
        spec = network(f"  - [1, Conv, [8, 3, 1, {padding}]]\n")
        _, shapes = recorded_shapes(build_network(spec).eval(), spec.input.shape)
        assert shapes["layers.layer0"][1:] == spec.steps()[0].out_shape[1:] == expected


def strided(block: str) -> dict[str, Any]:
    fields = BLOCKS[block].model_fields
    wanted = {"out": 16, "kernel": 3, "expand": 2}
    return {"stride": 2} | {name: value for name, value in wanted.items() if name in fields}


STRIDED = [name for name in BLOCKS if "stride" in BLOCKS[name].model_fields]


@pytest.mark.parametrize("block", STRIDED)
def test_a_repeat_at_stride_2_strides_its_first_copy_only(block: str) -> None:
    config = BLOCKS[block].model_validate(strided(block))
    assert [copy.model_dump()["stride"] for copy in LayerSpec(config, 3).copies()] == [2, 1, 1]
    arguments = [getattr(config, name) for name in config.row_arguments]
    text = (
        str(arguments)
        .replace("None", "null")
        .replace("'", "")
        .replace("True", "true")
        .replace("False", "false")
    )
    spec = network(f"  - [1, Conv, [16, 3]]\n  - [3, {block}, {text}]\n")
    shrinks = 1 if "Pool" in block else 0  # a pooling without padding loses a pixel a copy
    _, shapes = recorded_shapes(build_network(spec).eval(), spec.input.shape)
    first, second = shapes["layers.layer1_0"], shapes["layers.layer1_1"]
    assert first[1] in (14, 15)
    assert second[1] >= first[1] - 2 * shrinks
    assert [step.out_shape for step in spec.steps()][1:4] == [
        shapes[f"layers.layer1_{copy}"] for copy in range(3)
    ]


def test_a_repeated_shuffle_at_stride_2_has_its_true_channels() -> None:
    spec = network("  - [1, Conv, [24, 3]]\n  - [4, ShuffleNetV2, [2]]\n")
    assert [step.out_shape for step in spec.steps()[1:5]] == [(48, 15, 20)] * 4
    _, shapes = recorded_shapes(build_network(spec).eval(), spec.input.shape)
    assert shapes["layers.layer1_3"] == (48, 15, 20)


def test_widths_are_rounded_up_once_and_it_shows() -> None:
    rows = "  - [1, Conv, [20, 3]]\n  - [1, MBConv, [2, 16, 1, 3]]\n"
    spec = network(rows)
    assert [step.out_shape[0] for step in spec.steps()] == [24, 16, 16, 9]
    assert spec.provenance == Provenance(rounded=["backbone[0] Conv: out 20 -> 24"])
    again = parse_architecture(dump_rows(spec))
    assert again.provenance == Provenance()
    assert architecture_hash(again) == architecture_hash(spec)


def test_width_multiple_scales_all_but_fixed_widths() -> None:
    rows = "  - [1, Conv, [24, 3]]\n  - [1, ShuffleNetV2, [2]]\n  - [1, FixedConv, [20, 1]]\n"
    spec = network(rows, "width_multiple: 0.5\n")
    assert [step.out_shape[0] for step in spec.steps()] == [16, 32, 20, 20, 9]
    assert spec.provenance == Provenance(rounded=["backbone[0] Conv: out 24 -> 16"])


def test_a_linear_layer_is_never_rounded() -> None:
    text = "input_size: 8\nwidth_multiple: 3\nbackbone:\n- [1, Flatten, []]\n- [1, Linear, [5]]\n"
    spec = parse_architecture(text)
    assert spec.classes == ("0", "1", "2", "3", "4")
    assert spec.provenance == Provenance()


def test_depth_multiple_scales_repeats_above_1() -> None:
    rows = "  - [1, Conv, [8, 3]]\n  - [3, ShuffleNetV2, [1]]\n  - [4, ShuffleNetV2, [1]]\n"
    spec = network(rows, "depth_multiple: 0.34\n")
    assert [layer.repeat for layer in spec.layers] == [1, 1, 1, 1, 1]
    deep = network(rows, "depth_multiple: 2\n")
    assert [layer.repeat for layer in deep.layers] == [1, 6, 8, 1, 1]
    assert deep.provenance.rounded == [
        "backbone[1] ShuffleNetV2: repeat 3 -> 6",
        "backbone[2] ShuffleNetV2: repeat 4 -> 8",
    ]


def test_rows_refuse_to_lose_a_width() -> None:
    text = "input: {height: 8, width: 8}\nlayers:\n- {block: MBConv, out: 12, expand: 1}\n"
    with pytest.raises(NasError, match="MBConv has 12 output channels, which rows would round"):
        dump_rows(parse_architecture(text))
    plain = text.replace("MBConv, out: 12, expand: 1", "Conv, out: 12")
    assert "[1, FixedConv, [12, 3, 1, null, 1, ReLU]]" in dump_rows(parse_architecture(plain))


def test_the_classifier_follows_the_classes() -> None:
    spec = network("  - [1, Conv, [24, 3]]\n")
    changed = spec.with_classes(("a", "b"))
    assert changed.feature_shape() == (2, 1, 1)
    with torch.device("meta"):
        report = count_macs(build_network(changed), changed.input.shape)
    assert report.layers[-1].output == (2, 1, 1)
    linear = parse_architecture("input: {height: 8, width: 8}\nlayers:\n- {block: Conv, out: 8}\n")
    assert linear.with_classes(("a", "b")).head_steps()[-1].out_shape == (2,)


def test_a_classifier_that_can_not_follow_is_told() -> None:
    text = "input_size: 8\nbackbone:\n- [1, Conv, [8, 1]]\n- [1, GlobalAvgPool, []]\n"
    text += "- [1, ShuffleNetV2, [2]]\n"
    with pytest.raises(NasError, match="must end in 3x1x1 for 3 classes, but they end in 6x1x1"):
        parse_architecture(text).with_classes(("a", "b", "c"))


def test_blocks_of_one_name_are_refused_not_lost() -> None:
    text = (
        "input: {height: 8, width: 8}\nlayers:\n"
        "- {name: m, block: Conv, out: 8, repeat: 2}\n- {name: m_1, block: Conv, out: 8}\n"
    )
    with pytest.raises(NasError, match=r"layers\[1\].name: its block 'm_1' would be named"):
        parse_architecture(text)
