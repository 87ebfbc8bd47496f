"""What is written is read back: named form, rows, and members of spaces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.mbconv import MBConvConfig
from nas.errors import NasError
from nas.model.identity import architecture_hash
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.load import installed_spaces, parse_document
from nas.spec.provenance import Provenance
from nas.spec.rows import dump_rows
from nas.spec.space import load_space
from nas.spec.trial import RandomTrial
from nas.spec.yaml_text import block, flow, plain_value
from tests.spec.strategies import architectures

RELAXED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@RELAXED
@given(architectures())
def test_the_named_form_reads_back_as_an_equal_object(spec: ArchitectureSpec) -> None:
    assert parse_architecture(dump_architecture(spec)) == spec


@RELAXED
@given(architectures(rows=True))
def test_rows_and_named_form_are_the_same_network(spec: ArchitectureSpec) -> None:
    from_rows = parse_architecture(dump_rows(spec))
    assert from_rows.provenance == Provenance()
    assert architecture_hash(from_rows) == architecture_hash(spec)
    named = parse_architecture(dump_architecture(from_rows))
    assert named == replace(from_rows, name=named.name)
    assert dump_rows(named) == dump_rows(spec)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@RELAXED
@given(JSON)
def test_yaml_text_reads_back_as_the_same_values(value: object) -> None:
    for write in (flow, block):
        text = write({"key": value})
        assert parse_document(text, Path("x.yaml")).data == {"key": value}, text


@pytest.mark.parametrize(
    "word", ["1e3", "12e5678", "0x1F", "1:30", "yes", "null", "", "~", "1_0", "a\nb", ".inf", "<<"]
)
def test_words_that_look_like_something_else_stay_words(word: str) -> None:
    for write in (flow, block):
        assert parse_document(write([word, {word: 1}]), Path("x.yaml")).data == [word, {word: 1}]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-3", 1e-3),
        ("6e6", 6e6),
        ("010", 10),
        ("1:30", "1:30"),
        ("1_000", 1000),
        (".5", 0.5),
        ("-2.", -2.0),
        ("0x10", "0x10"),
        ("+inf", "+inf"),
        ("nan", "nan"),
        (".inf", float("inf")),
        ("1٢", "1٢"),
        ("_1", "_1"),
        (".", "."),
        ("true", True),
        ("~", None),
    ],
)  # fmt: skip
def test_a_plain_word_is_read_as_people_read_it(word: str, value: object) -> None:
    found = plain_value(word)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("name", installed_spaces())
def test_a_member_reads_back_as_the_same_network(name: str) -> None:
    space = load_space(name)
    generator = np.random.default_rng(1)
    for number in range(15):
        member = space.sample(RandomTrial(generator, number))
        again = parse_architecture(dump_architecture(member))
        assert again == member
        assert architecture_hash(again) == architecture_hash(member)
        if member.begin is not None:
            with pytest.raises(NasError, match=r"a row of .* has no place for"):
                dump_rows(member)
        elif not (member.keeps_time or member.detects):
            configs = [layer.config for layer in member.layers]
            if any(isinstance(config, MBConvConfig) and not config.se for config in configs):
                with pytest.raises(NasError, match="a row of MBConv has no place for se"):
                    dump_rows(member)
                continue
            rows = parse_architecture(dump_rows(member))
            assert rows.task == "image"
            assert architecture_hash(replace(rows, task=member.task)) == architecture_hash(member)


def test_rows_keep_a_stride_of_each_axis() -> None:
    layers = "[{block: Conv, out: 8, stride: 2x1}, {block: ShuffleNetV2, stride: 1x2}]"
    text = f"input: {{height: 16, width: 16}}\nlayers: {layers}\nclasses: 8\n"
    written = parse_architecture(text)
    rows = dump_rows(written)
    assert "[1, Conv, [8, 3, 2x1, null, 1, ReLU]]" in rows
    assert architecture_hash(parse_architecture(rows)) == architecture_hash(written)


@pytest.mark.parametrize("head", ["attention", "detection"])
def test_rows_refuse_a_head_that_is_no_classifier(head: str) -> None:
    layers = ", ".join(f"{{block: Conv, out: 8, stride: {stride}}}" for stride in (8, 2, 2))
    text = f"input: {{height: 64, width: 64}}\nhead: {head}\nlayers: [{layers}]"
    with pytest.raises(NasError, match=f"rows have no place for head: {head}"):
        dump_rows(parse_architecture(text))
