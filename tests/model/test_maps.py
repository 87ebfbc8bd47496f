"""Maps at the strides 8, 16 and 32 of other libraries' networks, and what a detector requires."""

import pytest
import torch
from torch import nn

from blocks import NECKS
from nas.errors import NasError
from nas.macs.architecture import count_architecture
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.model.features import shapes_only
from nas.model.identity import architecture_hash
from nas.model.maps import load_maps, maps_shape
from nas.model.reference import allow_module
from nas.model.requirements import check_maps, check_space_maps
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.space import parse_space
from tests.model.detectors import DETECTOR, SPACE


@pytest.mark.parametrize(
    "model",
    [
        "timm:resnet18",
        "timm:efficientnet_b0",
        "torchvision:resnet18",
        "torchvision:mobilenet_v3_small",
        "torchvision:shufflenet_v2_x0_5",
    ],
)
def test_maps_of_other_libraries(model: str) -> None:
    network = load_maps(model, 1).eval()
    shape = maps_shape(shapes_only(network), (1, 72, 104))
    with torch.no_grad():
        found = network(torch.randn(2, 1, 72, 104))
    assert [tuple(x.shape[2:]) for x in found] == [(9, 13), (5, 7), (3, 4)]
    assert shape == tuple(size for x in found for size in x.shape[1:])


def test_the_two_libraries_agree() -> None:
    """timm's and torchvision's ResNet-18 give the same maps with the same weights."""
    torch.manual_seed(0)
    ours, theirs = load_maps("torchvision:resnet18"), load_maps("timm:resnet18")
    weights = iter(list(ours.state_dict().values()))
    theirs.load_state_dict({name: next(weights) for name in theirs.state_dict()})
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for one, other in zip(ours.eval()(x), theirs.eval()(x), strict=True):
            torch.testing.assert_close(one, other)


def test_a_network_without_such_maps_is_refused() -> None:
    with pytest.raises(NasError, match="no features at the strides"):
        load_maps("timm:vit_tiny_patch16_224")


def test_a_factory_must_give_three_maps(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_maps.py").write_text(
        "from torch import nn\nclass Two(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.pool = nn.AvgPool2d(8)\n"
        "    def forward(self, x):\n        return [self.pool(x), self.pool(x)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    allow_module("own_maps")
    size = InputSpec(channels=1, height=64, width=64)
    architecture = ArchitectureSpec(
        "x", size, model="own_maps:Two", head="detection", classes=("opacity",)
    )
    with pytest.raises(NasError, match=r"\(8, 8\), \(4, 4\) and \(2, 2\) pixels, but .* 1x1x8x8"):
        check_maps(architecture)


def test_a_detector_taps_the_last_map_of_each_stride() -> None:
    architecture = parse_architecture(DETECTOR)
    steps = architecture.steps()
    assert [steps[i].name for i in architecture.out_indices()] == ["s8_1", "more", "s32"]
    network = build_network(architecture).eval()
    with torch.no_grad():
        logits, distances, centres = network(torch.randn(2, 1, 72, 104))
    locations = 9 * 13 + 5 * 7 + 3 * 4
    assert (logits.shape, distances.shape) == ((2, locations, 1), (2, locations, 4))
    assert centres.shape == (2, locations)


def test_taps_are_what_the_shorter_chain_gives() -> None:
    """What a later block does, in place or not, does not reach a map that was out_indices."""
    torch.manual_seed(0)
    network = build_network(parse_architecture(DETECTOR)).train()
    x = torch.randn(2, 1, 72, 104)
    maps = network.layers(x)
    for place, out_indices in zip(sorted(network.layers.out_indices), maps, strict=True):
        chain = nn.Sequential(*list(network.layers)[: place + 1])
        torch.testing.assert_close(chain(x), out_indices)


def test_blocks_sum_to_the_detector() -> None:
    architecture = parse_architecture(DETECTOR)
    whole = count_macs(build_network(architecture), architecture.input.shape)
    parts = count_architecture(architecture)
    assert (parts.total, parts.parameters) == (whole.total, whole.parameters)
    assert parts.peak_activation_bytes == whole.peak_activation_bytes
    assert [(row.name, row.macs) for row in parts.layers] == [
        (row.name, row.macs) for row in whole.layers
    ]


def test_the_neck_is_a_part_of_the_network() -> None:
    written = parse_architecture(DETECTOR)
    assert parse_architecture(dump_architecture(written)) == written
    other = parse_architecture(DETECTOR.replace("out: 24", "out: 32"))
    fewer = parse_architecture(DETECTOR.replace(", repeat: 2}\nclasses", "}\nclasses"))
    assert len({architecture_hash(item) for item in (written, other, fewer)}) == 3


def test_a_detector_without_a_neck_gets_one_that_is_written_out() -> None:
    silent = parse_architecture(DETECTOR.replace("neck: {block: BiFPN, out: 24, repeat: 2}\n", ""))
    assert silent.neck is not None
    assert silent.neck.config == NECKS["BiFPN"].model_validate({"out": 64})
    assert "neck: {block: BiFPN, out: 64" in dump_architecture(silent)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("stride: 2}\n", "stride: 1}\n", "no 3x4"),
        ("height: 72, width: 104", "height: 16, width: 16", "too small for maps at the strides"),
        ("expand: 2, stride: 2}\n", "expand: 2, stride: 2}\n  - {block: GlobalAvgPool}\n", "1x1"),
    ],
)
def test_architectures_without_the_maps(old: str, new: str, problem: str) -> None:
    head, _, tail = DETECTOR.rpartition(old)
    with pytest.raises(NasError, match=problem):
        parse_architecture(head + new + tail if tail or head else DETECTOR.replace(old, new))


def test_a_space_whose_members_all_have_the_maps() -> None:
    check_space_maps(parse_space(SPACE))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("48, expand: 2, stride: 2}\n", "48, expand: 2, stride: [1, 2]}\n", ":7 layers: .*at 32"),
        ("stride: 2}\n  - {name: s8", "stride: [2, 2x1]}\n  - {name: s8", "some member"),
        ("[64, 96], width: 64", "[16, 96], width: 16", ":3 input: an input of 16x16 is too small"),
        ("low: 1, high: 2}}\n  -", "low: 0, high: 2}}\n  -", "at 32 no 2x2"),
    ],
)
def test_a_space_of_which_some_member_lacks_a_map(old: str, new: str, problem: str) -> None:
    assert old in SPACE
    with pytest.raises(NasError, match=problem):
        check_space_maps(parse_space(SPACE.replace(old, new)))
