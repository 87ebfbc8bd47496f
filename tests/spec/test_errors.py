"""What is wrong in a file is said with file, line, key, value, what is allowed, the nearest name."""

# ruff: noqa: E501  # one mistake a line reads best

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.spec.architecture import load_architecture, parse_architecture
from nas.spec.space import load_space, parse_space
from nas.spec.training import load_training

ARCHITECTURE = """\
name: tiny
input: {height: 16, width: 24}
layers:
  - {block: Conv, out: 8, stride: 2}
  - {name: body, block: Conv, out: 8}
classes: 4
"""
SPACE = """\
name: tiny
input: {channels: 3, height: 16, width: 24}
layers:
  - {name: stem, block: Conv, out: [8, 16], stride: 2}
  - name: body
    block:
      MBConv: {out: {low: prev, high: 32, step: 8}, expand: [1, 2]}
      ShuffleNetV2: {}
    repeat: {low: 1, high: 2}
"""
ROWS = """\
input_size: [16, 24]
backbone:
  - [1, Conv, [8, 3, 2]]
  - [1, GlobalAvgPool, []]
  - [1, FixedConv, [4, 1]]
"""


def message(parse: Callable[[str, str], object], text: str, old: str = "", new: str = "") -> str:
    assert old in text
    with pytest.raises(NasError) as caught:
        parse(text.replace(old, new, 1), "tiny.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_block_is_told_as_the_style_shows() -> None:
    text = "# a comment\n" * 8 + "input: {height: 8, width: 8}\nlayers:\n"
    text += "  - {block: Conv, out: 8}\n" * 3
    text += "  - {block: InvertedResidulv2, out: 8, expand: 1}\n"
    with pytest.raises(NasError) as caught:
        parse_architecture(text, "tiny.yaml")
    assert str(caught.value) == (
        "tiny.yaml:14 layers[3].block: no block 'InvertedResidulv2'; did you mean "
        "'InvertedResidualv2'?"
    )


A, S, R = ARCHITECTURE, SPACE, ROWS
MISTAKES = [
    (A, "block: Conv, out: 8, s", "block: Cnov, out: 8, s", "4 layers[0].block: no block 'Cnov'; did you mean 'Conv'?"),
    (A, "stride: 2", "strid: 2", "4 layers[0].strid: no key 'strid' here; did you mean 'stride'?"),
    (A, "stride: 2", "stride: two", "4 layers[0].stride: 'two' is not allowed: a stride is a whole number from 1 to 16, or one for each axis"),
    (A, "stride: 2", "stride: 2.0", "4 layers[0].stride: 2.0 is not allowed: a stride is a whole number from 1 to 16"),
    (A, "stride: 2", "stride: 17", "4 layers[0].stride: 17 is not allowed: a stride is a whole number from 1 to 16"),
    (A, "stride: 2", "stride: 2x", "4 layers[0].stride: '2x' is not allowed: a stride is a whole number from 1 to 16"),
    (A, "stride: 2", "stride: 0x1", "4 layers[0].stride: '0x1' is not allowed: a stride is"),
    (A, "stride: 2", "stride: true", "4 layers[0].stride: true is not allowed: a stride is"),
    (A, "stride: 2", "activation: Relu", "4 layers[0].activation: 'Relu' is not allowed: should be"),
    (A, "stride: 2", "activation: Relu", "; did you mean 'ReLU'?"),
    (A, "stride: 2", "stride: 1, stride: 2", "4 layers[0].stride: this key stands here twice"),
    (A, "stride: 2", "stride: yes", "4 layers[0].stride: 'yes' means a boolean in YAML: write true or false"),
    (A, "out: 8, s", "s", "4 layers[0].out: this key is missing"),
    (A, "block: Conv, out: 8, s", "s", "4 layers[0].block: this key is missing; allowed: AvgPool"),
    (A, "{block: Conv, out: 8, stride: 2}", "Conv", "4 layers[0]: a layer is a mapping such as {block: Conv, out: 24}, not 'Conv'"),
    (A, "name: body", "name: layer0", "5 layers[1].name: its block 'layer0' would be named as one of layers[0]"),
    (A, "name: body", "name: train", "5 layers[1].name: 'train' is not allowed: modules of PyTorch use that name"),
    (A, "name: body", "name: a.b", "5 layers[1].name: 'a.b' is not allowed: up to 60 letters"),
    (A, "name: body", "name: 1e3", "5 layers[1].name: 1000.0 is not allowed"),
    (A, "name: body", "repeat: 0", "5 layers[1].repeat: 0 is not allowed: a whole number from 1 to 1000"),
    (A, "name: body", "repeat: true", "5 layers[1].repeat: true is not allowed"),
    (A, "block: Conv, out: 8}", "block: Linear, out: 4}", "5 layers[1]: Linear: Linear needs a vector, but its input is a feature map"),
    (A, "block: Conv, out: 8}", "block: Conv, out: 9, groups: 3}", "5 layers[1]: Conv: groups 3 must divide the input channels, 8"),
    (A, "block: Conv, out: 8}", "block: MaxPool, kernel: 61, stride: 1}", "5 layers[1]: MaxPool: a kernel of 61 does not fit"),
    (A, "classes: 4", "classes: 0", "6 classes: 0 is not allowed: 1 to 25000"),
    (A, "classes: 4", "classes: true", "6 classes: true is not allowed"),
    (A, "classes: 4", "classes: [a, b, a]", "6 classes[2]: class 'a' stands here twice"),
    (A, "classes: 4", "classes: []", "6 classes: 0 classes; allowed are 1"),
    (A, "classes: 4", "head: none", "6 head: with head none the layers must end in 10x1x1 for 10 classes, but they end in 8x8x12"),
    (A, "classes: 4", "head: lineer", "6 head: 'lineer' is not allowed: should be 'linear', 'none', 'attention', 'cbam_attention' or 'detection'; did you mean 'linear'?"),
    (A, "classes: 4", "model: torchvision:resnet18", "3 layers: give either layers or a model, one of them"),
    (A, "classes: 4", "clases: 4", "6 clases: no key 'clases' here; did you mean 'classes'?"),
    (A, "height: 16", "hight: 16", "2 input.hight: no key 'hight' here; did you mean 'height'?"),
    (A, "height: 16", "height: 1" + "0" * 40, "2 input.height: 1000000"),
    (A, "classes: 4", "<<: {classes: 4}", "6: merge keys (<<) are not read: write the keys out"),
    (A, "classes: 4", "\tclasses: 4", "6: not YAML: a tab stands where only spaces may"),
    (A, "classes: 4", "classes: !!int 4", "6: the tag 'tag:yaml.org,2002:int' is not read here"),
    (A, "classes: 4", "? [a]\n: 4", "6: a key must be a word, not a list or a mapping"),
    (A, "classes: 4", "x\x00: 4", "6: not YAML: character '\\x00' is not allowed"),
    (A, "classes: 4", "--- 4", "6: not YAML: found another document"),
    (A, "classes: 4", "preprocess: {turn_portrait: 1}", "6 preprocess.turn_portrait: 1 is not allowed"),
    (S, "block: Conv", "block: Cnov", "4 layers[0].block: no block 'Cnov'; did you mean 'Conv'?"),
    (S, "block: Conv", "block: []", "4 layers[0].block: 0 blocks; allowed are 1 to 100"),
    (S, "block: Conv", "block: [Conv, Conv]", "4 layers[0].block[1]: 'Conv' stands here twice"),
    (S, "out: [8, 16]", "out: [8, 8]", "4 layers[0].out[1]: 8 stands here twice"),
    (S, "out: [8, 16]", "out: []", "4 layers[0].out: 0 choices; allowed are 1 to 4000"),
    (S, "out: [8, 16]", "out: [8, 16.5]", "4 layers[0].out: 16.5 is not allowed: should be a valid integer"),
    (S, "out: [8, 16]", "out: {low: 16, high: 8}", "4 layers[0].out: low 16 is above high 8"),
    (S, "out: [8, 16]", "out: {low: 8, hihg: 8}", "4 layers[0].out.hihg: no key 'hihg' in a range; did you mean 'high'?"),
    (S, "out: [8, 16]", "out: {low: 8}", "4 layers[0].out.high: this key is missing: a range needs low and high"),
    (S, "out: [8, 16]", "out: {low: prv, high: 8}", "4 layers[0].out.low: 'prv' is not allowed: a number, prev or reported; did you mean 'prev'?"),
    (S, "out: [8, 16]", "out: {low: 1, high: 9999}", "4 layers[0].out: more than 4000 steps from 1 to 9999"),
    (S, "out: [8, 16]", "out: {low: 8, high: 16, step: 0}", "4 layers[0].out.step: 0 is not allowed: a number above 0"),
    (S, "out: [8, 16]", "out: {low: 8, high: 16, times: 0.5}", "4 layers[0].out.times: 0.5 is not allowed"),
    (S, "step: 8}, expand", "step: 0.5}, expand", "7 layers[1].block.MBConv.out.step: 0.5 is not allowed: a whole number, beside prev"),
    (S, "high: 32", "high: 12", "7 layers[1].block.MBConv.out: no value left: low 16 above high 12 can occur with 16 channels"),
    (S, "expand: [1, 2]", "expnd: 1", "7 layers[1].block.MBConv.expnd: no key 'expnd' here; did you mean 'expand'?"),
    (S, "expand: [1, 2]", "expand: [1, 200]", "7 layers[1].block.MBConv.expand: 200 is not allowed: should be less than or equal to 64"),
    (S, ", expand: [1, 2]", "", "7 layers[1].block.MBConv.expand: this key is missing for MBConv"),
    (S, "ShuffleNetV2: {}", "ShuffleNetV2: {reports: own}", "8 layers[1].block.ShuffleNetV2.reports: 'own' is not allowed: out or same"),
    (S, "ShuffleNetV2: {}", "ShuffleNetV2: 3", "8 layers[1].block.ShuffleNetV2: needs a mapping of settings, not 3"),
    (S, "[8, 16]", "[8, 15]", "layers[1].block.ShuffleNetV2: ShuffleNetV2 on 15x8x12: ShuffleNetV2 at stride 1 halves"),
    (S, "    repeat: {low: 1, high: 2}", "    repeat: prev", "9 layers[1].repeat: prev has no meaning here: write a number"),
    (S, "    repeat: {low: 1, high: 2}", "    repeat: [1, 2.5]", "9 layers[1].repeat: 2.5 is not allowed: a whole number from 0"),
    (S, "    repeat: {low: 1, high: 2}", "    expand: 1", "layers[1].block.MBConv.expand: expand stands for the whole layer already"),
    (S, "height: 16", "height: {low: prev, high: 20}", "2 input.height: prev and reported have no meaning here"),
    (S, "height: 16", "height: [16, 0]", "2 input.height: 0 is not allowed: should be greater than or equal to 1"),
    (S, "height: 16, width: 24", "size: [[16, 24], [16, 24]]", "2 input.size[1]: [16, 24] stands here twice"),
    (S, "height: 16, width: 24", "size: [[16, 24], 7]", "2 input.size[1]: a [height, width] pair, not 7"),
    (S, "name: tiny", "score: macs / macro_f2", "1 score: 'macro_f2' is no quantity; did you mean 'macro_f1'?"),
    (S, "name: tiny", "head: none", "1 head: with head none the layers must end in 10x1x1 for 10 classes, but a member ends"),
    (S, "name: tiny", "budget: {max_macs: much}", "1 budget.max_macs: 'much' is not allowed"),
    (S, "name: tiny", "training: {learning_rate: true}", "1 training.learning_rate: true is not allowed: should be a valid number"),
    (S, "name: tiny", "training:", "1 training: null is not allowed"),
    (R, "[8, 3, 2]", "[8, 3, 2, null, 1, ReLU, 5]", "3 backbone[0][2]: Conv takes the arguments [out, kernel, stride, padding, groups, activation], not"),
    (R, "[8, 3, 2]", "[8, three]", "3 backbone[0]: Conv kernel: 'three' is not allowed: should be a valid integer"),
    (R, "[1, Conv,", "[1, Cnov,", "3 backbone[0][1]: no block 'Cnov'; did you mean 'Conv'?"),
    (R, "[1, Conv,", "[0, Conv,", "3 backbone[0][0]: 0 is not allowed: a whole number from 1 to 1000"),
    (R, "[1, Conv, [8, 3, 2]]", "[1, Conv]", "3 backbone[0]: a row is [repeat, name, args], not [1, 'Conv']"),
    (R, "input_size: [16, 24]\n", "", "1 input_size: this key is missing: write [height, width] here, or give --input"),
    (R, "  - [1, GlobalAvgPool, []]\n", "", "4 backbone[1]: the rows must end in one number a class, Nx1x1, but they end in 4x8x12"),
    (R, "[1, FixedConv, [4, 1]]", "[1, Flatten, []]\n  - [1, Conv, [8]]", "6 backbone[3]: Conv: Conv needs a feature map"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "expected"), MISTAKES)
def test_a_mistake_is_told_at_its_place(text: str, old: str, new: str, expected: str) -> None:
    parse = parse_space if text is SPACE else parse_architecture
    found = message(parse, text, old, new)
    if expected.startswith("; did"):
        assert expected in found
    elif expected[0].isdigit():
        assert found.startswith(f"tiny.yaml:{expected}"), found
    else:
        assert expected in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "tiny.yaml: the file is empty"),
        ("# nothing\n", "tiny.yaml: the file is empty"),
        ("- 1\n- 2\n", "tiny.yaml:1: needs a mapping of keys to values, not [1, 2]"),
        ("5", "tiny.yaml:1: needs a mapping of keys to values, not 5"),
        ("&a [*a]", "tiny.yaml:1: nested deeper than 40 levels"),
        ("&a {b: *a}", "tiny.yaml:1: nested deeper than 40 levels"),
        ("[" * 20_000, "tiny.yaml:1: nested deeper than 40 levels"),
        ("- " * 20_000, "tiny.yaml:1: nested deeper than 40 levels"),
        ("[" + "1, " * 60_000 + "]", "tiny.yaml:1: more than 50000 values in one file"),
        ("a: [b", "tiny.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: *b", "tiny.yaml:1: not YAML: found undefined alias 'b'"),
        ("on: 1", "tiny.yaml:1 on: no key 'on' here"),
    ],
)
def test_a_text_that_is_no_such_file(text: str, expected: str) -> None:
    for parse in (parse_architecture, parse_space):
        assert message(parse, text).startswith(expected)


def test_billion_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    assert "more than 50000 values in one file" in message(parse_architecture, "\n".join(lines))


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_bytes(b"name: \xff\xfe")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 8_100_000)
    cases = {
        broken: "not UTF-8 text: invalid start byte at byte 6",
        large: "more than 8000000 bytes, the most that is read",
        tmp_path: "can't read the file: Is a directory",
        Path("/dev/zero"): "more than 8000000 bytes, the most that is read",
        Path("x" * 5000): "can't read the file: File name too long",
    }
    for path, problem in cases.items():
        for load in (load_architecture, load_space, load_training):
            with pytest.raises(NasError, match=problem):
                load(path)
    with pytest.raises(NasError, match="can't read the file: embedded null byte"):
        load_architecture("a\0b")
    with pytest.raises(NasError, match="can't read the file: No such file or directory"):
        load_architecture(tmp_path / "none.yaml")
    with pytest.raises(NasError, match=r"no such file.*did you mean 'shufflenet.yaml'"):
        load_space("shuflenet.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "closed.yaml"
    path.write_text(ARCHITECTURE)
    path.chmod(0)
    with pytest.raises(NasError, match="can't read the file: Permission denied"):
        load_architecture(path)


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + ARCHITECTURE.replace("\n", "\r\n").encode())
    assert load_architecture(path) == parse_architecture(ARCHITECTURE)


def test_numbers_that_yaml_reads_as_text(tmp_path: Path) -> None:
    path = tmp_path / "training.yaml"
    path.write_text("training: {learning_rate: 1e-3, weight_decay: 2E-2}\n")
    training = load_training(path)
    assert (training.learning_rate, training.weight_decay) == (1e-3, 2e-2)
    space = parse_space(SPACE + "budget: {max_macs: 6e6, max_params: 1.5M}\n")
    assert (space.budget.max_macs, space.budget.max_params) == (6_000_000, 1_500_000)
    path.write_text("epochs: 3\nlernrate: 1\n")
    with pytest.raises(NasError, match=r"training.yaml:2 lernrate: no key 'lernrate' here"):
        load_training(path)


WIDE = "{low: 1, high: 4000}"
HUGE = [
    ("layers:\n" + "- {block: Conv, out: 8, repeat: 1000}\n" * 6, "more than 5000 blocks"),
    (f"layers:\n- {{block: Conv, out: {WIDE}, kernel: {{low: 1, high: 63}}}}\n", "too many to check"),
    ("layers:\n" + f"- {{block: Bottleneck, out: {WIDE}}}\n" * 60, "values to choose among"),
    ("layers:\n- {block: Conv, out: {low: prev, high: 65000}}\n", "more than 4000 steps"),
    ("layers:\n" + "- {block: Conv, out: 8}\n" * 201, "201 layers; allowed are 1 to 200"),
    ("layers:\n- {block: Conv, out: 8, repeat: [0, 1]}\n", "some layer must stand in every member"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), HUGE)
def test_enormous_work_is_refused(text: str, expected: str) -> None:
    assert expected in message(parse_space, "input: {height: 9, width: 9}\n" + text)


def test_enormous_inputs_and_outputs_are_refused() -> None:
    sides = "input: {height: {low: 1, high: 400}, width: {low: 1, high: 400}}\n"
    found = message(parse_space, sides + "layers:\n- {block: Conv, out: 8}\n")
    assert "160000 different inputs; at most 2000 are allowed" in found
    rows = "input_size: [16384, 16384]\ninput_channel: 4096\nbackbone:\n- [1, Flatten, []]\n"
    assert "outputs; at most 25000 classes" in message(parse_architecture, rows)
    deep = "input_size: 9\ndepth_multiple: 64\nbackbone:\n- [900, Conv, [8]]\n"
    assert "depth_multiple makes 57600 copies" in message(parse_architecture, deep)
    wide = "input_size: 9\nwidth_multiple: 64\nbackbone:\n- [1, Conv, [65536]]\n"
    assert "4194304 is not allowed" in message(parse_architecture, wide)


KINDS = [
    ("loss: {kind: focl}", "loss.kind: 'focl' is not allowed", "known_bce, known_focal, dense_boxes; did you mean 'focal'?"),
    ("loss: {kind: known_bce, positive_deca: 1}", "loss.positive_deca: no key", "mean 'positive_decay'?"),
    ("loss: {kind: focal, positive_decay: 1}", "loss.positive_decay: no key", "allowed: cross_entropy_weight"),
    ("loss: focal", "loss: 'focal' is not allowed", ""),
    ("augment: {flp: true}", "augment.flp: no key 'flp' here", "did you mean 'flip'?"),
    ("augment: {kind: spectrogram, gain: 3}", "augment.gain: no key", "did you mean 'gain_db'?"),
    ("augment: {kind: [1]}", "augment.kind: [1] is not allowed", "one of image, spectrogram"),
    ("pseudo_labelling: {round: 3}", "pseudo_labelling.round: no key 'round' here", "did you mean 'rounds'?"),
    ("preprocess: {kind: mell}", "preprocess.kind: 'mell' is not allowed", "one of image, mel, xray; did you mean 'mel'?"),
    ("preprocess: {kind: [2]}", "preprocess.kind: [2] is not allowed", "one of image, mel"),
    ("preprocess: {kind: mel, hop: 3}", "preprocess.hop: no key 'hop' here", "allowed: fft_samples, high_hz"),
    ("preprocess: 3", "preprocess: 3 is not allowed", ""),
    ("preprocess: {kind: mel, low_hz: 5e4}", "preprocess: ", "low_hz 50000 must lie below high_hz 16000"),
    ("preprocess: {kind: mel, mean: -40.0}", "preprocess: ", "mean and std go together"),
]  # fmt: skip
"""Settings of which there are several kinds."""


@pytest.mark.parametrize(("line", "problem", "hint"), KINDS)
def test_mistakes_where_there_are_several_kinds(
    tmp_path: Path, line: str, problem: str, hint: str
) -> None:
    file = tmp_path / "a.yaml"
    is_training = not line.startswith("preprocess")
    file.write_text(("epochs: 3\n" if is_training else ARCHITECTURE) + line)
    with pytest.raises(NasError) as caught:
        (load_training if is_training else load_architecture)(file)
    expected = f"{file}:{file.read_text().count(chr(10)) + 1} {problem}"
    assert str(caught.value).startswith(expected)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a/b", "..", "../x", "a\\b", "a\nb", "\x1b[31m", "x" * 201, " x", ".x"]
)
@pytest.mark.parametrize("parse", [parse_architecture, parse_space])
def test_names_that_make_no_folder(parse: Callable[[str, str], object], name: str) -> None:
    text = f"name: {json.dumps(name)}\ninput: {{height: 8, width: 8}}\nlayers:\n"
    text += "  - {block: Conv, out: 8}\n  - {block: GlobalAvgPool}\n"
    told = message(parse, text)
    assert told.startswith("tiny.yaml:1 name: ")
    assert "is not allowed: the name of a folder has no slashes" in told
    assert told.isprintable()


def test_a_file_whose_own_name_makes_no_folder(tmp_path: Path) -> None:
    file = tmp_path / ".a\x1b[2J\nb.yaml"
    file.write_text(
        "input: {height: 8, width: 8}\nlayers: [{block: Conv, out: 8}, {block: GlobalAvgPool}]\n"
    )
    assert load_architecture(file).name == load_space(file).name == "a-[2J-b"
