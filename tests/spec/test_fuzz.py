"""No text gives anything but an object or a NasError."""

import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.errors import NasError
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.load import find_space, installed_spaces, parse_document
from nas.spec.space import parse_space
from nas.spec.training import TrainingSpec
from nas.spec.trial import RandomTrial
from nas.spec.validate import validate
from nas.spec.yaml_text import block

FOLDER = find_space("tiny.yaml").parent
FILES = [find_space(name) for name in installed_spaces()] + sorted(FOLDER.glob("reference/*.yaml"))
ROWS = """\
input_size: [46, 64]
depth_multiple: 1.0
width_multiple: 1.0
backbone:
  - [1, Conv, [24, 3, 2, null, 1, ReLU]]
  - [3, ShuffleNetV2, [2]]
  - [2, InvertedResidualv3, [3, 2.0, 40, 1, 0, 2]]
  - [2, Bottleneck, [64, true, 2, 0.5, ReLU]]
  - [1, GlobalAvgPool, []]
  - [1, FixedConv, [9, 1]]
"""
TRAINING = "epochs: 3\nlearning_rate: 1e-3\nloss: {kind: focal}\naugment: {flip: true}\n"
TEXTS = [path.read_text(encoding="utf-8") for path in FILES] + [ROWS, TRAINING]
TREES = [yaml.safe_load(text) for text in TEXTS]
WORDS = ["prev", "reported", "classes", "Conv", "Bottleneck", "Flatten", "none", "20M", "out", "m2"]
SCALARS = (
    st.sampled_from([0, 1, 2, 3, 8, 16, 64, 1000, 4000, 65536, 10**30, 0.5, 1e-9, 1e308])
    | st.sampled_from(WORDS)
    | st.none() | st.booleans() | st.floats() | st.text(max_size=6)
)  # fmt: skip
KEYS = st.sampled_from(
    ["block", "name", "repeat", "out", "kernel", "stride", "groups", "expand", "low", "high",
     "step", "times", "size", "layers", "classes", "head", "model", "reports",
     "backbone", "provenance"]
)  # fmt: skip
TREE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)
FUZZ = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check(text: str) -> None:
    """Read the text as each kind of file; what is read must be sound."""
    for read in (read_architecture, read_space, read_training):
        message, begun = "", time.thread_time()
        try:
            read(text)
        except NasError as error:
            message = str(error)
        assert "\n" not in message
        assert time.thread_time() - begun < 10


def read_architecture(text: str) -> None:
    architecture = parse_architecture(text)
    assert repr(parse_architecture(dump_architecture(architecture))) == repr(architecture)


def read_space(text: str) -> None:
    parse_space(text).sample(RandomTrial(np.random.default_rng(0))).check_outputs()


def read_training(text: str) -> None:
    validate(TrainingSpec, parse_document(text, Path("training.yaml")))


def places(tree: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values below the top."""
    found = [place] if place else []
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            found += places(value, (*place, key))
    return found


def at(tree: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        tree = tree[key]
    return tree


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A shipped file with some values replaced, dropped, copied, added or renamed."""
    tree = deepcopy(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 3))):
        known = places(tree)
        if not known:
            break
        *parent, key = draw(st.sampled_from(known))
        holder = at(tree, tuple(parent))
        kind = draw(st.sampled_from(["replace", "replace", "drop", "copy", "add", "rename"]))
        if kind == "replace":
            holder[key] = draw(SCALARS | TREE)
        elif kind == "drop":
            del holder[key]
        elif kind == "copy":
            holder[key] = deepcopy(at(tree, draw(st.sampled_from(known))))
        elif isinstance(holder, list):
            holder.insert(key, deepcopy(holder[key]))
        elif kind == "add":
            holder[draw(KEYS)] = draw(SCALARS)
        else:
            holder[draw(KEYS)] = holder.pop(key)
    return block(tree)


@st.composite
def scribbles(draw: st.DrawFn) -> str:
    """A shipped file with some characters dropped or written over."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 4))
        written = draw(st.text(alphabet="{}[]:,-&*!|>'\"%@#\t\n ?<1eE.~\x00\x85", max_size=4))
        text = text[:start] + written + text[end:]
    return text


@pytest.mark.slow
@FUZZ
@given(mutations())
def test_mutated_files(text: str) -> None:
    check(text)


@pytest.mark.slow
@FUZZ
@given(scribbles())
def test_scribbled_files(text: str) -> None:
    check(text)


@FUZZ
@given(st.text() | TREE.map(lambda tree: block(tree)))
def test_random_texts_and_trees(text: str) -> None:
    check(text)
