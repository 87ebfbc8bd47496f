"""Other counters' totals, and that the parts by kind of op add up to them."""

import warnings
from io import StringIO

import pytest
import torch
import torchvision
from torch import Tensor, nn

from blocks.conv import ConvConfig
from nas.macs.conventions import compare_counters
from nas.macs.kinds import WHY, Kind
from nas.macs.meta import WithoutWeights


class Mixed(nn.Module):
    """One layer of each kind that counters see differently."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(self.relu(self.norm(self.conv(x)))).mean((2, 3)))


def test_amounts_by_kind_equal_those_worked_out_by_hand() -> None:
    comparison = compare_counters(Mixed(), (3, 10, 10))
    conv, linear, map_size = 64 * 8 * 27, 40, 64 * 8
    base = {Kind.CONVOLUTION: conv, Kind.PRODUCT: linear}
    amounts = {
        name: {kind: amount for kind, amount in parts.items() if amount}
        for name, parts in comparison.amounts.items()
    }
    assert amounts["ours"] == base
    assert amounts["fvcore"] == {**base, Kind.NORMALISATION: 2 * map_size}
    assert amounts["ptflops_aten"] == {**base, Kind.BIAS: map_size + 5}
    old = {**base, Kind.BIAS: map_size + 5, Kind.NORMALISATION: 2 * map_size}
    assert amounts["ptflops_0_6_4"] == {**old, Kind.ACTIVATION: map_size, Kind.POOLING: map_size}
    assert amounts["ptflops"] == {**old, Kind.ACTIVATION: 2 * map_size, Kind.POOLING: 2 * map_size}
    assert comparison.totals == {name: sum(parts.values()) for name, parts in amounts.items()}
    assert set(comparison.kinds()) <= set(WHY)


def test_padding_by_the_inputs_size_is_counted_by_nobody() -> None:
    """Zeros that stand around the map before the convolution are moved, not computed."""
    plain, same = (
        compare_counters(
            ConvConfig(out=8, kernel=3, stride=2, padding=padding).build((3, 10, 12)), (3, 10, 12)
        )
        for padding in (None, "same")
    )
    assert plain.amounts == same.amounts
    assert set(plain.totals) == {"ours", "fvcore", "ptflops", "ptflops_aten", "ptflops_0_6_4"}


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        # ptflops_0_6_4 by that release itself
        ("mobilenet_v3_small", (56510400, 59649536, 60910032, 56515312, 60125440)),
        ("shufflenet_v2_x0_5", (40476448, 42524256, 44770632, 40477448, 43647944)),
    ],
)
def test_published_networks_have_each_counter_s_known_total(
    name: str, totals: tuple[int, ...]
) -> None:
    with WithoutWeights():
        module = torchvision.models.get_model(name, weights=None)
    comparison = compare_counters(module, (3, 224, 224))
    assert tuple(comparison.totals.values()) == totals
    for counter, parts in comparison.amounts.items():
        assert sum(parts.values()) == comparison.totals[counter]
        assert parts[Kind.REMAINDER] == 0


def test_totals_are_those_of_the_packages_themselves() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.script is deprecated
        from fvcore.nn import FlopCountAnalysis
    from ptflops import get_model_complexity_info

    totals = compare_counters(Mixed(), (3, 10, 10)).totals
    analysis = FlopCountAnalysis(Mixed().eval(), (torch.zeros(1, 3, 10, 10),))
    assert totals["fvcore"] == analysis.unsupported_ops_warnings(False).total()
    for key, backend in (("ptflops", "pytorch"), ("ptflops_aten", "aten")):
        macs, _ = get_model_complexity_info(
            Mixed(), (3, 10, 10), False, False, backend=backend, ost=StringIO()
        )
        assert totals[key] == macs


def test_the_module_and_the_packages_are_left_as_they_were(
    capfd: pytest.CaptureFixture[str],
) -> None:
    from ptflops import pytorch_engine

    mapping, relu = pytorch_engine.MODULES_MAPPING, nn.functional.relu
    module = Mixed().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    compare_counters(module, (3, 10, 10))
    assert pytorch_engine.MODULES_MAPPING is mapping
    assert nn.functional.relu is relu
    assert module.training
    assert not any(part._forward_hooks for part in module.modules())
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in before.items())
    assert capfd.readouterr() == ("", "")


def test_recurrent_layers_are_not_guessed_for_ptflops_0_6_4() -> None:
    comparison = compare_counters(nn.Sequential(nn.GRU(4, 3, batch_first=True)), (6, 4))
    assert list(comparison.totals) == ["ours", "fvcore", "ptflops", "ptflops_aten"]
    assert comparison.amounts["ours"][Kind.RECURRENT] == 6 * 3 * 3 * (4 + 3)
    assert comparison.totals["fvcore"] == 0
