"""What every registered neck must hold, and the detection head behind them."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from blocks import NECKS, BlockConfig, Cost, DetectionHeadConfig, Shape, initialise_weights
from blocks.pyramid import shapes_in
from nas.macs.architecture import block_cost

PYRAMIDS: dict[str, Shape] = {
    "even": (24, 16, 24, 40, 8, 12, 96, 4, 6),
    "odd": (16, 13, 9, 24, 7, 5, 24, 4, 3),
    "tiny": (8, 3, 4, 16, 2, 2, 8, 1, 1),
    "two levels": (12, 6, 6, 24, 3, 3),
    "of one width": (16, 8, 8, 16, 4, 4, 16, 2, 2),
}


@dataclass(frozen=True)
class Case:
    config: BlockConfig
    in_shape: Shape

    def __str__(self) -> str:
        return f"{self.config.name}@{'x'.join(map(str, self.in_shape))}"


def _cases() -> list[Case]:
    settings = [{"out": 16}, {"out": 24, "activation": "Hardswish"}]
    necks = [
        Case(NECKS[name].model_validate(setting), shape)
        for name in NECKS
        for setting in settings
        for shape in PYRAMIDS.values()
    ]
    behind = [case.config.output_shape(case.in_shape) for case in necks[:5]]
    return necks + [Case(DetectionHeadConfig(out=k), shape) for k in (1, 4) for shape in behind]


CASES = _cases()
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def maps(in_shape: Shape, count: int = 4) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(count, *shape, generator=generator) for shape in shapes_in(in_shape)]


def tensors(output: object) -> list[Tensor]:
    assert isinstance(output, list | tuple)
    return list(output)


def built(case: Case) -> nn.Module:
    torch.manual_seed(0)
    return case.config.build(case.in_shape)


@every_case
def test_declared_shape_is_the_real_one(case: Case) -> None:
    found = [tuple(t.shape[1:]) for t in tensors(built(case).eval()(maps(case.in_shape)))]
    declared = case.config.output_shape(case.in_shape)
    if isinstance(case.config, DetectionHeadConfig):
        locations, classes = declared
        assert found == [(locations, classes), (locations, 4), (locations,)]
    else:
        assert found == list(shapes_in(declared))


@every_case
def test_gradients_reach_every_parameter(case: Case) -> None:
    network = built(case).train()
    generator = torch.Generator().manual_seed(1)
    outputs = tensors(network(maps(case.in_shape, 16)))
    loss = torch.stack([(t * torch.randn(t.shape, generator=generator)).sum() for t in outputs])
    loss.sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@every_case
def test_state_dict_round_trips(case: Case) -> None:
    source = built(case).train()
    source(maps(case.in_shape))
    target = case.config.build(case.in_shape)
    target.load_state_dict(source.state_dict(), strict=True)
    x = maps(case.in_shape)
    pairs = zip(tensors(source.eval()(x)), tensors(target.eval()(x)), strict=True)
    for one, other in pairs:
        assert torch.equal(one, other)


@every_case
def test_cost_is_what_is_counted(case: Case) -> None:
    counted = block_cost(case.config, case.in_shape)
    with torch.device("meta"):
        network = case.config.build(case.in_shape).eval()
        with FlopCounterMode(display=False) as counter:
            network([torch.empty(1, *shape) for shape in shapes_in(case.in_shape)])
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert counter.get_total_flops() == 2 * counted.macs
    expected = Cost(counted.macs, weights, counted.convolution_outputs)
    assert case.config.cost(case.in_shape) == expected


@every_case
def test_input_is_left_alone(case: Case) -> None:
    network = built(case).train()
    x = maps(case.in_shape)
    network(x)
    for one, other in zip(x, maps(case.in_shape), strict=True):
        assert torch.equal(one, other)


@every_case
def test_identity_does_not_depend_on_what_comes_in(case: Case) -> None:
    """A search space is counted by it, where the maps are not known."""
    assert case.config.identity(case.in_shape) == case.config.identity(())


@pytest.mark.parametrize("name", list(NECKS))
@pytest.mark.parametrize("in_shape", [(16,), (16, 8, 8), (16, 8, 8, 16)])
def test_refuses_a_single_map(name: str, in_shape: Shape) -> None:
    config = NECKS[name].model_validate({"out": 16})
    for attempt in (config.output_shape, config.build, config.cost):
        with pytest.raises(ValueError, match="needs several feature maps, but its input is 16"):
            attempt(in_shape)


@pytest.mark.parametrize("name", list(NECKS))
def test_copies_follow_one_another(name: str) -> None:
    config = NECKS[name].model_validate({"out": 16})
    shape = PYRAMIDS["odd"]
    network = nn.Sequential()
    for _ in range(3):
        network.append(config.build(shape))
        shape = config.output_shape(shape)
    initialise_weights(network)
    found = [tuple(t.shape[1:]) for t in network(maps(PYRAMIDS["odd"]))]
    assert found == list(shapes_in(shape))
    assert all(coarse[1] <= fine[1] for fine, coarse in pairwise(found))
