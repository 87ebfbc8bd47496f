"""Weights handed on: what a network begins with, whose they are, and files that can't serve."""

import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nas.model.build import Network, build_network
from nas.model.identity import architecture_hash, leading_hashes
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.train.inherit import Donors, Inherited, layer_weights

STEM = "- {name: stem, block: Conv, out: 8, stride: 2}\n"
BODY = "- {name: body, block: InvertedResidualv2, out: 8, expand: 2, repeat: 2}\n"
TAIL = "- {name: tail, block: Conv, out: 16, kernel: 1}\n"
END = TAIL.replace("tail", "end")


def written(
    layers: str, *, size: str = "{height: 9, width: 12}", classes: int = 3, head: str = "linear"
) -> ArchitectureSpec:
    return parse_architecture(f"input: {size}\nclasses: {classes}\nhead: {head}\nlayers:\n{layers}")


def built(architecture: ArchitectureSpec, seed: int = 0) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(architecture)
    assert isinstance(network, Network)
    return network


def trained(architecture: ArchitectureSpec, seed: int = 1) -> Network:
    """With weights and statistics unlike those of any fresh network."""
    network = built(architecture, seed)
    network.train()(torch.randn(8, *architecture.input.shape))
    return network


def shared(one: ArchitectureSpec, other: ArchitectureSpec) -> int:
    return sum(a == b for a, b in zip(leading_hashes(one), leading_hashes(other), strict=False))


def never(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        (STEM + BODY + TAIL, 4),
        (STEM.replace("stem", "a") + BODY + TAIL, 4),  # names don't count
        (STEM + BODY + TAIL.replace("16", "24"), 3),
        (STEM + BODY.replace("repeat: 2", "repeat: 5") + TAIL, 3),
        (STEM + BODY.replace(", repeat: 2", "") + TAIL, 2),
        (STEM + BODY.replace("expand: 2", "expand: 3") + TAIL, 1),
        (STEM.replace("out: 8", "out: 16") + BODY + TAIL, 0),  # equal blocks behind it don't count
        (BODY + TAIL, 0),
    ],
)
def test_blocks_are_shared_up_to_the_first_that_differs(layers: str, count: int) -> None:
    assert shared(written(STEM + BODY + TAIL), written(layers)) == count


def test_another_input_shares_nothing() -> None:
    whole = STEM + BODY
    for size in ("{height: 10, width: 12}", "{channels: 1, height: 9, width: 12}"):
        assert shared(written(whole), written(whole, size=size)) == 0


def test_a_stride_that_differs_ends_what_is_shared() -> None:
    strided = TAIL.replace("kernel: 1", "kernel: 1, stride: 2")
    assert shared(written(STEM + TAIL + BODY), written(STEM + strided + BODY)) == 1


def test_another_library_s_network_shares_nothing(tmp_path: Path) -> None:
    text = "input: {height: 32, width: 32}\nclasses: 3\nmodel: torchvision:shufflenet_v2_x0_5\n"
    foreign = parse_architecture(text)
    assert leading_hashes(foreign) == ()
    Donors(tmp_path / "weights", never).keep(foreign, torch.nn.Linear(1, 1), 0.5)
    assert Donors(tmp_path / "weights", never).start(foreign, torch.nn.Linear(1, 1)) is None
    assert not (tmp_path / "weights").exists()


def test_layers_come_with_their_statistics_and_others_stay_fresh(tmp_path: Path) -> None:
    old, new = written(STEM + BODY + TAIL), written(STEM + BODY + END.replace("16", "24"))
    donor = trained(old)
    donors = Donors(tmp_path, never)
    donors.keep(old, donor, 0.5)
    network, fresh = built(new), built(new)
    assert donors.start(new, network) == Inherited(architecture_hash(old), 3)
    state, before = network.state_dict(), fresh.state_dict()
    for name, value in donor.state_dict().items():
        if name.startswith("layers.") and "tail" not in name and "num_batches" not in name:
            assert torch.equal(state.pop(name), value), name
            assert "running" not in name or not torch.equal(before[name], value), name
    assert {name.split(".")[1] for name in state if "num_batches" not in name} == {"end", "linear"}
    for name, value in state.items():
        assert torch.equal(value, before[name]) or "num_batches" in name, name


def test_smaller_layers_are_cut_from_a_donor_of_another_input(tmp_path: Path) -> None:
    """One stem, and the only copy of a body that has inner channels half as many."""
    body = BODY.replace("out: 8", "out: 8, stride: 2")  # no shortcut in its first copy
    old = written(STEM.replace("8", "16") + body.replace("expand: 2", "expand: 4") + TAIL)
    size = "{height: 12, width: 20}"
    new = written(STEM + body.replace(", repeat: 2", ""), size=size)
    donor, network = trained(old), built(new)
    Donors(tmp_path, never).keep(old, donor, 0.5)
    assert Donors(tmp_path, never).start(new, network) == Inherited(architecture_hash(old), 2)
    rows = {tuple(row.flatten().tolist()) for row in donor.state_dict()["layers.stem.0.weight"]}
    own = [tuple(row.flatten().tolist()) for row in network.state_dict()["layers.stem.0.weight"]]
    assert len(set(own)) == 8
    assert set(own) < rows


def test_layers_of_other_names_or_larger_ones_begin_fresh(tmp_path: Path) -> None:
    old = written(STEM + BODY)
    Donors(tmp_path, never).keep(old, trained(old), 0.5)
    for layers in (STEM.replace("stem", "a") + BODY, STEM.replace("out: 8", "out: 16") + BODY):
        network, fresh = built(written(layers)), built(written(layers))
        assert Donors(tmp_path, never).start(written(layers), network) is None
        for name, value in network.state_dict().items():
            assert torch.equal(value, fresh.state_dict()[name]), name


def test_a_classifier_of_other_classes_stays_fresh(tmp_path: Path) -> None:
    layers = STEM + "- {block: GlobalAvgPool}\n- {block: FixedConv, out: classes}\n"
    few, many = (written(layers, classes=count, head="none") for count in (3, 4))
    donors, donor = Donors(tmp_path, never), trained(few)
    donors.keep(few, donor, 0.5)
    network, fresh = built(many), built(many)
    assert donors.start(many, network) == Inherited(architecture_hash(few), 1)
    for name, value in layer_weights(network).items():
        if "num_batches" not in name:
            origin = donor if name.startswith("layers.stem") else fresh
            assert torch.equal(value, layer_weights(origin)[name]), name


def test_weights_are_filled_in_where_they_lie(tmp_path: Path) -> None:
    """The optimiser's parameters and their memory format stay."""
    old, new = written(STEM + TAIL), written(STEM + BODY)
    Donors(tmp_path, never).keep(old, trained(old), 0.5)
    network = built(new).to(memory_format=torch.channels_last)
    before = list(network.parameters())
    assert Donors(tmp_path, never).start(new, network) is not None
    assert [id(value) for value in network.parameters()] == [id(value) for value in before]
    assert before[0].is_contiguous(memory_format=torch.channels_last)
    assert before[0].requires_grad


def test_most_blocks_win_then_those_that_are_the_same_then_the_metric(tmp_path: Path) -> None:
    donors = Donors(tmp_path, never)
    near, better, worse, wide = (
        written(STEM + BODY + TAIL),
        written(STEM + TAIL),
        written(STEM + TAIL + END.replace("16", "32")),
        written(STEM.replace("8", "24") + BODY + TAIL),
    )
    for architecture, metric in ((near, 0.1), (better, 0.7), (worse, 0.8), (wide, 0.9)):
        donors.keep(architecture, trained(architecture), metric)

    def chosen(layers: str) -> tuple[str, int] | None:
        found = Donors(tmp_path, never).find(written(layers))
        return None if found is None else (found[0].path.stem, found[1].blocks)

    assert chosen(STEM + BODY) == (architecture_hash(near), 3)  # of two with three the same ones
    assert chosen(STEM.replace("8", "16") + BODY) == (architecture_hash(wide), 3)
    assert chosen(STEM) == (architecture_hash(worse), 1)
    assert chosen(STEM + TAIL + END) == (architecture_hash(worse), 3)
    assert chosen(TAIL) is None


def test_a_network_is_not_its_own_donor(tmp_path: Path) -> None:
    """A run that is begun again after a kill starts as it did."""
    own = written(STEM + TAIL)
    donors = Donors(tmp_path, never)
    donors.keep(own, trained(own), 0.9)
    assert donors.find(own) is None


def test_what_another_process_keeps_is_found(tmp_path: Path) -> None:
    here, there = Donors(tmp_path, never), Donors(tmp_path, never)
    old, new = written(STEM + TAIL), written(STEM + BODY)
    assert here.find(new) is None
    there.keep(old, trained(old), 0.5)
    assert here.find(new) is not None


@pytest.mark.parametrize("keep", [0, 4, 300, -5])
def test_a_damaged_file_is_told_once_and_left_out(tmp_path: Path, keep: int) -> None:
    old, new = written(STEM + TAIL), written(STEM + BODY)
    Donors(tmp_path, never).keep(old, trained(old), 0.5)
    [file] = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:keep])
    said: list[str] = []
    donors, network = Donors(tmp_path, said.append), built(new)
    assert donors.start(new, network) is None
    assert donors.start(new, network) is None
    assert len(said) == 1
    assert str(file) in said[0]


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        ("layers.stem.0.weight", torch.zeros(2, 3, 3, 3)),
        ("layers.stem.1.weight", torch.zeros(8, dtype=torch.int8)),
        ("layers.stem.1.running_var", None),
    ],
)
def test_a_file_of_another_network_changes_nothing(
    tmp_path: Path, tensor: str, value: torch.Tensor | None
) -> None:
    old, new = written(STEM + TAIL), written(STEM + BODY)
    Donors(tmp_path, never).keep(old, trained(old), 0.5)
    [file] = tmp_path.glob("*.safetensors")
    with safe_open(file, framework="pt") as opened:
        facts = opened.metadata()
    state = {name: own for name, own in load_file(file).items() if name != tensor}
    save_file(state if value is None else state | {tensor: value}, file, facts)
    said: list[str] = []
    network, fresh = built(new), built(new)
    assert Donors(tmp_path, said.append).start(new, network) is None
    assert "of another network" in said[0] or "of type int8" in said[0]
    assert tensor in said[0]
    for name, own in network.state_dict().items():
        assert torch.equal(own, fresh.state_dict()[name]), name


@pytest.mark.parametrize(
    "facts",
    [
        {"metric": "0.5"},
        {"architecture": "layers: [", "metric": "0.5"},
        {"architecture": "layers: [{block: Conv, out: 0}]", "metric": "0.5"},
        {"architecture": "input: {height: 9, width: 12}\nmodel: a.b:c\n", "metric": "0.5"},
    ],
)
def test_a_file_that_says_no_architecture_of_ours_is_told(
    tmp_path: Path, facts: dict[str, str]
) -> None:
    """Nothing that it names is imported."""
    save_file({"layers.stem.0.weight": torch.zeros(2)}, tmp_path / "0123.safetensors", facts)
    said: list[str] = []
    assert Donors(tmp_path, said.append).find(written(STEM)) is None
    assert "0123.safetensors" in said[0]


def test_weights_that_are_not_finite_are_not_handed_on(tmp_path: Path) -> None:
    old, new = written(STEM + TAIL), written(STEM + BODY)
    ruined = trained(old)
    with torch.no_grad():
        next(ruined.parameters()).fill_(torch.nan)
    said: list[str] = []
    donors, network = Donors(tmp_path, said.append), built(new)
    donors.keep(old, ruined, 0.5)
    assert donors.start(new, network) is None
    assert all(value.isfinite().all() for value in network.state_dict().values())
    assert "is not finite" in said[0]


def test_a_donor_that_goes_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = written(STEM + TAIL), written(STEM + BODY)
    said: list[str] = []
    donors = Donors(tmp_path, said.append)
    donors.keep(old, trained(old), 0.5)
    found = donors.find(new)
    assert found is not None
    found[0].path.unlink()
    monkeypatch.setattr(donors, "find", lambda architecture: found)  # another removes it
    assert donors.start(new, built(new)) is None
    assert "without inherited weights" in said[0]


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    said: list[str] = []
    layers = [STEM + TAIL, STEM.replace("out: 8", "out: 24"), STEM.replace("out: 8", "out: 16")]
    sizes = []
    for number, text in enumerate(layers[:2]):
        Donors(tmp_path, never).keep(written(text), trained(written(text)), 0.5)
        file = tmp_path / f"{architecture_hash(written(text))}.safetensors"
        sizes.append(file.stat().st_size)
        os.utime(file, (number, number))
    donors = Donors(tmp_path, said.append, max_bytes=sum(sizes))
    used = written(STEM + BODY)
    assert donors.start(used, built(used)) is not None  # the older file, which is now the newer
    donors.keep(written(layers[2]), trained(written(layers[2])), 0.5)
    left = {path.name.partition(".")[0] for path in tmp_path.glob("*.safetensors")}
    assert left == {architecture_hash(written(layers[0])), architecture_hash(written(layers[2]))}
    assert said == []


def test_too_large_or_no_room_on_the_disk_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    old = written(STEM)
    Donors(tmp_path / "weights", said.append, max_bytes=100).keep(old, trained(old), 0.5)
    (tmp_path / "file").write_text("")
    Donors(tmp_path / "file", said.append).keep(old, trained(old), 0.5)
    assert "more than 100 bytes" in said[0]
    assert "not kept" in said[1]
    assert not (tmp_path / "weights").exists()
