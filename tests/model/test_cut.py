"""A cut member computes what the larger network does with the other channels silenced."""

import re

import pytest
import torch
from numpy.random import default_rng
from torch import Tensor, nn

from nas.model.build import build_network
from nas.model.cut import SourceNetwork
from nas.spec.architecture import dump_architecture, load_architecture, parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import load_space
from nas.spec.trial import RandomTrial
from nas.train.device import seeded

WHOLE = """
name: whole
input: {channels: 3, height: 24, width: 32}
layers:
  - {name: stem, block: Conv, out: 16, kernel: 3, stride: 2, activation: Hardswish}
  - {name: a, block: InvertedResidualv2, out: 16, expand: 1}
  - {name: b, block: InvertedResidualv3, out: 24, expand: 4, kernel: 5, se: true,
     stride: 2, repeat: 3}
  - {name: c, block: MBConv, out: 40, expand: 2, kernel: 3, stride: 2, repeat: 2}
  - {name: pool, block: MaxPool, kernel: 3, stride: 2}
  - {name: last, block: Conv, out: 64, kernel: 1}
classes: 5
"""


def network_of(architecture: ArchitectureSpec, seed: int = 0) -> nn.Module:
    """Of random weights and statistics, so that every tensor matters."""
    with seeded(seed, torch.device("cpu")):
        network = build_network(architecture)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.3)
                nn.init.normal_(module.running_mean, std=0.3)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def features(network: nn.Module, x_NCHW: Tensor) -> Tensor:
    layers = network.layers
    assert isinstance(layers, nn.Module)
    with torch.no_grad():
        result: Tensor = layers(x_NCHW)
    return result


def test_whole_is_cut_as_a_whole() -> None:
    whole = parse_architecture(WHOLE)
    network, other = network_of(whole), network_of(whole, seed=1)
    cut = SourceNetwork(whole, network.state_dict()).cut(whole, other)
    other.load_state_dict(cut.state(network.state_dict()), strict=False)
    x_NCHW = torch.randn(2, 3, 24, 32)
    assert torch.equal(features(network, x_NCHW), features(other, x_NCHW))
    assert cut.blocks == 8
    assert cut.last == "last"
    assert cut.features is not None
    assert len(cut.features) == 64


def test_cut_equals_the_whole_with_other_inner_channels_silenced() -> None:
    whole = parse_architecture(WHOLE)
    member = parse_architecture(WHOLE.replace("out: 24, expand: 4", "out: 24, expand: 2"))
    network, small = network_of(whole), network_of(member, seed=1)
    cut = SourceNetwork(whole, network.state_dict()).cut(member, small)
    small.load_state_dict(cut.state(network.state_dict()), strict=False)
    for name, part in cut.parts.items():
        if re.fullmatch(r"layers\.b_\d\.project\.0\.weight", name):
            _silence(network, part.source, part.columns)
        if re.fullmatch(r"layers\.b_\d\.squeeze\.reduce\.weight", name):
            _silence(network, part.source, part.columns)
            assert part.rows is not None  # fewer channels in the squeeze, too
            restore = name.replace("reduce", "restore")
            _silence(network, cut.parts[restore].source, cut.parts[restore].columns)
    x_NCHW = torch.randn(2, 3, 24, 32)
    torch.testing.assert_close(features(small, x_NCHW), features(network, x_NCHW))


def test_cut_of_a_stream_equals_the_whole_with_its_other_channels_silenced() -> None:
    source = parse_architecture(WHOLE.replace("stride: 2, repeat: 3}", "stride: 2}"))
    one = parse_architecture(
        WHOLE.replace("stride: 2, repeat: 3}", "stride: 2}").replace("out: 24", "out: 16")
    )
    network, small = network_of(source), network_of(one, seed=1)
    cut = SourceNetwork(source, network.state_dict()).cut(one, small)
    assert cut.blocks == 6
    small.load_state_dict(cut.state(network.state_dict()), strict=False)
    rows = cut.parts["layers.b.project.1.weight"].rows
    for name in ("weight", "bias"):
        _silence(network, f"layers.b.project.1.{name}", rows, axis=0)
    # what reads the silenced channels sees zeros: all that is left is the hidden width of c
    hidden = cut.parts["layers.c_0.project.0.weight"]
    _silence(network, hidden.source, hidden.columns)
    for name in ("reduce", "restore"):
        part = cut.parts[f"layers.c_0.squeeze.{name}.weight"]
        _silence(network, part.source, part.columns)
    x_NCHW = torch.randn(2, 3, 24, 32)
    torch.testing.assert_close(features(small, x_NCHW), features(network, x_NCHW))


def _silence(network: nn.Module, name: str, kept: Tensor | None, axis: int = 1) -> None:
    """Set all but these places of an axis to zero."""
    if kept is None:
        return
    tensor = network.state_dict()[name]
    lost = torch.ones(tensor.shape[axis], dtype=torch.bool)
    lost[kept] = False
    tensor.index_fill_(axis, lost.nonzero().flatten(), 0.0)


def test_smaller_kernels_are_the_middle_of_larger_ones() -> None:
    whole = parse_architecture(WHOLE)
    member = parse_architecture(WHOLE.replace("kernel: 5", "kernel: 3"))
    network, small = network_of(whole), network_of(member, seed=1)
    cut = SourceNetwork(whole, network.state_dict()).cut(member, small)
    state = cut.state(network.state_dict())
    large = network.state_dict()["layers.b_1.depthwise.0.weight"]
    assert torch.equal(state["layers.b_1.depthwise.0.weight"], large[:, :, 1:4, 1:4])


C = "block: MBConv, out: 40, expand: 2, kernel: 3,"


@pytest.mark.parametrize(
    ("before", "after", "random"),
    [
        ("out: 24, expand: 4", "out: 32, expand: 4", {"b", "c"}),  # wider, and what reads it
        (C, "block: Conv, out: 40,", {"c"}),  # of another kind
        ("kernel: 5", "kernel: 7", {"b", "c"}),  # larger than the source's
        ("expand: 1}", "expand: 2}", {"a", "b", "c"}),  # expands where the source does not
        (C, "block: InvertedResidualv2, out: 40, expand: 2,", set()),  # squeezes no more
    ],
)
def test_what_the_source_has_not_begins_at_random(
    before: str, after: str, random: set[str]
) -> None:
    whole, member = parse_architecture(WHOLE), parse_architecture(WHOLE.replace(before, after))
    cut = SourceNetwork(whole, network_of(whole).state_dict()).cut(member, network_of(member))
    begun = {name.split(".")[1].split("_")[0] for name in cut.parts}
    assert begun == {"stem", "a", "b", "c"} - random | ({"last"} if not random else set())
    assert (cut.features is None) == bool(random)


def test_fewer_layers_begin_with_those_before() -> None:
    whole = parse_architecture(WHOLE)
    member = parse_architecture("\n".join([*WHOLE.splitlines()[:-4], "classes: 5"]))
    cut = SourceNetwork(whole, network_of(whole).state_dict()).cut(member, network_of(member))
    assert cut.last == "b_2"
    assert cut.blocks == 5


def test_the_most_important_channels_are_kept() -> None:
    """Importance by hand: scale of the depthwise normalisation times norm of the columns."""
    text = """
input: {channels: 3, height: 8, width: 8}
layers:
  - {name: a, block: InvertedResidualv2, out: 8, expand: 3, stride: 2}
classes: 2
"""
    whole = parse_architecture(text.replace("expand: 3", "expand: 2"))
    member = parse_architecture(text.replace("expand: 3", "expand: 1.34"))
    network = network_of(whole)
    state = network.state_dict()
    importance = (
        state["layers.a.expand.1.weight"].abs()
        * state["layers.a.depthwise.1.weight"].abs()
        * state["layers.a.project.0.weight"].flatten(1).norm(dim=0)
    )
    cut = SourceNetwork(whole, state).cut(member, network_of(member))
    kept = cut.parts["layers.a.project.0.weight"].columns
    assert kept is not None
    assert kept.tolist() == sorted(importance.argsort(descending=True)[:4].tolist())


def test_a_shortcut_that_the_source_has_not_is_not_cut() -> None:
    """It would add channels of the stem to others of the block."""
    text = """
input: {channels: 3, height: 8, width: 8}
layers:
  - {name: stem, block: Conv, out: 16}
  - {name: a, block: InvertedResidualv2, out: 8, expand: 1}
classes: 2
"""
    whole = parse_architecture(text)
    member = parse_architecture(text.replace("out: 16", "out: 8"))
    cut = SourceNetwork(whole, network_of(whole).state_dict()).cut(member, network_of(member))
    assert {name.split(".")[1] for name in cut.parts} == {"stem"}


@pytest.mark.parametrize("name", ["from-lite0", "from-mobilenetv3", "from-shufflenet"])
def test_members_of_the_installed_spaces_are_cut_in_every_block(name: str) -> None:
    space = load_space(f"{name}.yaml")
    assert space.begin is not None
    assert space.begin.reference is not None
    whole = load_architecture(space.begin.reference)
    with torch.device("meta"):
        state = build_network(whole).state_dict()
    source = SourceNetwork(whole, {key: torch.zeros(value.shape) for key, value in state.items()})
    for seed in range(40):
        member = space.sample(RandomTrial(default_rng(seed)))
        with torch.device("meta"):
            cut = source.cut(member, build_network(member))
        assert cut.blocks == cut.of_blocks, dump_architecture(member)
