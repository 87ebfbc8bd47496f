"""When two architecture files are one network."""

import hashlib
import json

import pytest

from nas.model.identity import architecture_hash
from nas.spec.architecture import parse_architecture

HEADER = "input: {height: 9, width: 12}\nclasses: 3\nlayers:\n"
STEM = "- {block: Conv, out: 16}\n"


def hash_of(layers: str, header: str = HEADER) -> str:
    return architecture_hash(parse_architecture(header + layers))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("- {block: Conv, out: 8}", "- {name: a, block: Conv, out: 8, kernel: 3, padding: 1}"),
        ("- {block: Conv, out: 8}", "- {block: FixedConv, out: 8}"),
        ("- {block: Conv, out: 8}", "- {block: DWConv, out: 8}"),
        ("- {block: Conv, out: 8, stride: 2, repeat: 2}",
         "- {block: Conv, out: 8, stride: 2}\n- {block: Conv, out: 8}"),
        (STEM + "- {block: MBConv, out: 16, expand: 1.4}",
         STEM + "- {block: MBConv, out: 16, expand: 1.5}"),
        ("- {block: GlobalAvgPool}\n- {block: Conv, out: 8}",
         "- {block: GlobalAvgPool}\n- {block: Conv, out: 8}\n- {block: Flatten}"),
    ],
)  # fmt: skip
def test_equal_networks_have_one_hash(one: str, other: str) -> None:
    assert hash_of(one) == hash_of(other)


def test_hash_is_that_of_the_blocks_identities() -> None:
    """Journals and files of earlier versions hold hashes: what they are made of must not change."""
    architecture = parse_architecture(HEADER + STEM + "- {block: ShuffleNetV2, repeat: 2}")
    blocks = [step.identity for step in (*architecture.steps(), *architecture.head_steps())]
    content = json.dumps(["image", [3, 9, 12], None, blocks]).encode()
    assert architecture_hash(architecture) == hashlib.sha256(content).hexdigest()[:16]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("- {block: Conv, out: 8}", "- {block: Conv, out: 8, activation: Hardswish}"),
        ("- {block: Conv, out: 8}", "- {block: Conv, out: 8, padding: 0}"),
        ("- {block: Conv, out: 9}", "- {block: DWConv, out: 9}"),
        (STEM + "- {block: InvertedResidualv2, out: 16, expand: 1.4}",
         STEM + "- {block: InvertedResidualv2, out: 16, expand: 1.5}"),
        ("- {block: MaxPool, kernel: 3, stride: 1}", "- {block: AvgPool, kernel: 3, stride: 1}"),
        ("- {block: Dropout, p: 0.1}", "- {block: Dropout, p: 0.2}"),
    ],
)  # fmt: skip
def test_different_networks_have_different_hashes(one: str, other: str) -> None:
    assert hash_of(one) != hash_of(other)


def test_input_task_and_number_of_classes_count_but_names_do_not() -> None:
    layers = "- {block: Conv, out: 8}"
    usual = hash_of(layers)
    assert hash_of(layers, "name: other\n" + HEADER.replace("3\n", "[a, b, c]\n")) == usual
    for old, new in (("height: 9", "height: 10"), ("classes: 3", "classes: 4")):
        assert hash_of(layers, HEADER.replace(old, new)) != usual
    assert hash_of(layers, "task: sed\n" + HEADER) != usual


def test_a_library_s_network_is_known_by_name_and_classes() -> None:
    text = "input: {height: 9, width: 12}\nclasses: 3\nmodel: torchvision:"
    one, other = (architecture_hash(parse_architecture(text + name)) for name in ("a", "b"))
    assert one != other
    more = text.replace("3", "4") + "a"
    assert architecture_hash(parse_architecture(more)) != one
    assert len(one) == 16
    assert int(one, 16) >= 0
