"""What every block must hold.

Give a subclass of `BlockContract` a block's config, in a file that pytest collects, and each of its
tests is run with many settings of the block and shapes of its input.
"""

import itertools
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, ClassVar

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from blocks import BlockConfig, Cost, Shape, initialise_weights
from nas.macs.architecture import block_cost, block_memory

CANDIDATES: dict[str, list[Any]] = {
    "integer": [16, 1, 2, 3, 5],
    "number": [2.6, 0.25, 0.5, 1.0, 4.0],
    "boolean": [False, True],
    "null": [None],
}
MAPS: list[Shape] = [(16, 9, 13), (24, 8, 6), (16, 7, 16), (3, 15, 10)]
VECTORS: list[Shape] = [(12,), (5,)]
TINY: list[Shape] = [(16, 1, 1), (6, 1, 3), (5, 2, 1)]


@dataclass(frozen=True)
class BlockCase:
    """One setting of a block, and the shape of a sample that comes in."""

    config: BlockConfig
    in_shape: Shape

    def __str__(self) -> str:
        settings = ",".join(f"{key}={value}" for key, value in self.config.model_dump().items())
        return f"{self.config.name}({settings})@{'x'.join(map(str, self.in_shape))}"


class BlockContract:
    """What holds of a block: give `config`, and the tests are the block's."""

    config: ClassVar[type[BlockConfig]]

    @classmethod
    @cache
    def cases(cls) -> tuple[BlockCase, ...]:
        """Settings and shapes that the tests are run with."""
        found = []
        for index, config in enumerate(configs(cls.config)):
            shapes = [shape for shape in MAPS + VECTORS if takes(config, shape)]
            if shapes:
                # In turn: each shape meets many settings at a fraction of the product's cost.
                found.append(BlockCase(config, shapes[index % len(shapes)]))
        return tuple(found)

    @classmethod
    def further_macs(cls, case: BlockCase) -> int:
        """Multiply-adds of one sample outside of convolutions and linear layers, in closed form."""
        return 0

    def __init_subclass__(cls) -> None:
        """Tests of what the block does not have are left out."""
        if "config" not in vars(cls):
            return
        needed = {
            "test_stride_of_each_size_on_odd_maps": "stride" in cls.config.model_fields,
            "test_keeps_channels_last": bool(cls._maps_to_maps()),
        }
        for name in (name for name, is_needed in needed.items() if not is_needed):
            setattr(cls, name, None)

    @classmethod
    def _maps_to_maps(cls) -> list[BlockCase]:
        return [
            case
            for case in cls.cases()
            if len(case.in_shape) == 3 and len(case.config.output_shape(case.in_shape)) == 3
        ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes a case is run with every one."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases(), ids=str)
        if "map_case" in metafunc.fixturenames:
            metafunc.parametrize("map_case", self._maps_to_maps(), ids=str)

    def test_cases_cover_the_block(self) -> None:
        """There are cases, and each value that a field takes is met in one of them."""
        met = [case.config for case in self.cases()]
        assert met
        for field in self.config.model_fields:
            allowed = len({repr(getattr(one, field)) for one in configs(self.config)})
            assert len({repr(getattr(one, field)) for one in met}) >= min(allowed, 2), field

    def test_config_is_closed_and_frozen(self) -> None:
        config = configs(self.config)[0]
        assert config.name == self.config.name
        assert set(config.row_arguments) <= set(type(config).model_fields)
        required = {key for key, field in type(config).model_fields.items() if field.is_required()}
        assert required <= set(config.row_arguments), "a row could not name it"
        assert type(config).model_validate(config.model_dump()) == config
        with pytest.raises(ValidationError):
            type(config).model_validate(config.model_dump() | {"no_such_key": 1})
        for field in type(config).model_fields:
            with pytest.raises(ValidationError):
                setattr(config, field, getattr(config, field))

    def test_declared_shape_is_the_real_one(self, case: BlockCase) -> None:
        network = build(case).eval()
        declared = case.config.output_shape(case.in_shape)
        with torch.no_grad():
            assert network(batch(case.in_shape)).shape == (4, *declared)

    def test_channel_axes_are_those_of_its_tensors(self, case: BlockCase) -> None:
        axes = case.config.channel_axes(case.in_shape)
        if axes is None:
            return  # its weights serve as a whole only
        state = {name: value for name, value in build(case).state_dict().items() if value.ndim}
        assert axes.keys() == state.keys()
        sizes = {"in": case.in_shape[0], "out": case.config.output_shape(case.in_shape)[0]}
        for name, of in axes.items():
            assert len(of) == state[name].ndim, name
            for axis, size in zip(of, state[name].shape, strict=True):
                assert axis is None or sizes.setdefault(axis, size) == size, (name, axis)

    def test_stride_of_each_size_on_odd_maps(self) -> None:
        config = self.config
        base = configs(config)[0].model_dump()
        strides: tuple[int | str, ...] = (1, 2, 3, 4, "2x1", "1x2", "3x2", "1x4")
        for stride, size in itertools.product(strides, ((7, 9), (8, 11), (5, 5), (6, 6))):
            in_shape = (16, *size)
            strided = config.model_validate(base | {"stride": stride})
            if not takes(strided, in_shape):
                continue
            real = strided.build(in_shape).eval()(batch(in_shape, 1)).shape[1:]
            assert tuple(real) == strided.output_shape(in_shape), (stride, size)

    def test_refuses_what_does_not_fit(self) -> None:
        """Either the shape is declared and real, or a ValueError says which values clash."""
        for config in configs(self.config):
            for in_shape in MAPS[-1:] + VECTORS + TINY:
                if takes(config, in_shape):
                    real = config.build(in_shape).eval()(batch(in_shape)).shape[1:]
                    assert tuple(real) == config.output_shape(in_shape)
                    continue
                for attempt in (config.output_shape, config.build):
                    with pytest.raises(ValueError, match=r"\d") as refusal:
                        attempt(in_shape)
                    values = [str(in_shape), *map(str, in_shape)]
                    assert any(value in str(refusal.value) for value in values)

    def test_gradients_reach_every_parameter(self, case: BlockCase) -> None:
        network = build(case).train()
        y = network(batch(case.in_shape, 16))
        # Random weights, as the plain sum after a batch normalisation has no gradient.
        if y.requires_grad:
            (y * batch(tuple(y.shape[1:]), 16)).sum().backward()
        for parameter_name, parameter in network.named_parameters():
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
            assert parameter.grad.abs().sum() > 0, parameter_name

    def test_state_dict_round_trips(self, case: BlockCase) -> None:
        torch.manual_seed(1)
        source = case.config.build(case.in_shape).train()
        source(batch(case.in_shape))  # moves the running statistics
        target = build(case)
        target.load_state_dict(source.state_dict(), strict=True)
        x = batch(case.in_shape)
        with torch.no_grad():
            torch.testing.assert_close(target.eval()(x), source.eval()(x), rtol=0, atol=0)

    def test_works_on_meta(self, case: BlockCase) -> None:
        with torch.device("meta"):
            network = case.config.build(case.in_shape).eval()
            y = network(torch.empty(2, *case.in_shape))
        initialise_weights(network)
        assert y.shape == (2, *case.config.output_shape(case.in_shape))
        assert all(value.is_meta for value in network.state_dict().values())

    def test_macs_are_those_of_its_layers(self, case: BlockCase) -> None:
        """The counter agrees with the closed form of each convolution and linear layer, summed."""
        closed = self.further_macs(case)

        def add(layer: nn.Module, inputs: tuple[torch.Tensor, ...], y: torch.Tensor) -> None:
            nonlocal closed
            if isinstance(layer, nn.Conv2d):
                per_output = layer.in_channels // layer.groups * prod(layer.kernel_size)
            elif isinstance(layer, nn.Linear):
                per_output = layer.in_features
            else:
                return
            closed += y.numel() * per_output

        with torch.device("meta"):
            network = case.config.build(case.in_shape).eval()
            for layer in network.modules():
                layer.register_forward_hook(add)
            with FlopCounterMode(display=False) as counter:
                network(torch.empty(1, *case.in_shape))
        assert counter.get_total_flops() == 2 * closed

    def test_cost_is_what_is_counted(self, case: BlockCase) -> None:
        """A block that gives its cost in closed form gives that of the module that it builds."""
        cost = case.config.cost(case.in_shape)
        if cost is None:
            return
        outputs = 0

        def add(layer: nn.Module, inputs: tuple[torch.Tensor, ...], y: torch.Tensor) -> None:
            nonlocal outputs
            outputs += y.numel()

        with torch.device("meta"):
            network = case.config.build(case.in_shape).eval()
            for layer in network.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.register_forward_hook(add)
            with FlopCounterMode(display=False) as counter:
                network(torch.empty(1, *case.in_shape))
        weights = sum(parameter.numel() for parameter in network.parameters())
        assert cost == Cost(counter.get_total_flops() // 2, weights, outputs)

    def test_memory_is_what_is_counted(self, case: BlockCase) -> None:
        """A block that gives its memory in closed form gives that of the module that it builds."""
        if case.config.memory(case.in_shape) is None:
            return
        counted = block_cost(case.config, case.in_shape)
        memory = block_memory(case.config, case.in_shape)
        assert (memory.int8_bytes, memory.float32_bytes) == counted.weight_bytes
        assert 4 * memory.peak == counted.peak_activation_bytes
        assert 4 * memory.peak_with_input == counted.peak_with_input_bytes

    def test_keeps_channels_last(self, map_case: BlockCase) -> None:
        network = build(map_case).to(memory_format=torch.channels_last)
        x = batch(map_case.in_shape).to(memory_format=torch.channels_last)
        for training in (True, False):
            y = network.train(training)(x)
            assert y.is_contiguous(memory_format=torch.channels_last)

    def test_equal_identity_is_the_same_computation(self) -> None:
        in_shape = self.cases()[0].in_shape
        groups: dict[object, list[BlockConfig]] = {}
        for config in configs(self.config):
            if takes(config, in_shape):
                groups.setdefault(config.identity(in_shape), []).append(config)
        x = batch(in_shape)
        for first, *others in groups.values():
            network = first.build(in_shape).eval()
            for other in others:
                twin = other.build(in_shape).eval()
                twin.load_state_dict(network.state_dict())
                torch.testing.assert_close(twin(x), network(x), rtol=0, atol=0)

    def test_input_is_left_alone(self) -> None:
        """In-place activations act on what the block computed, not on what came in."""
        case = self.cases()[0]
        network = build(case)
        for training in (True, False):
            x = batch(case.in_shape)
            network.train(training)(x)
            torch.testing.assert_close(x, batch(case.in_shape), rtol=0, atol=0)


def candidates(config: type[BlockConfig], field: str) -> list[Any]:
    """Values to try for a field, by its type in the schema; the default comes first."""
    schema = config.model_json_schema()["properties"][field]
    values = [schema["default"]] if "default" in schema else []
    for option in schema.get("anyOf", [schema]):
        closed = option.get("enum", [option["const"]] if "const" in option else [])
        values += closed[:4] or option.get("examples") or CANDIDATES[option["type"]]
    return values


def accepted(config: type[BlockConfig], settings: dict[str, Any]) -> BlockConfig | None:
    """The config with these settings, None where it refuses them."""
    try:
        return config.model_validate(settings)
    except ValidationError:
        return None


def configs(config: type[BlockConfig]) -> list[BlockConfig]:
    """A base config, each that differs from it in one field, and some that differ in two."""
    values = {field: candidates(config, field) for field in config.model_fields}
    base = next(
        settings
        for choice in itertools.product(*values.values())
        if accepted(config, settings := dict(zip(values, choice, strict=True))) is not None
    )
    found: dict[BlockConfig, None] = {config.model_validate(base): None}
    changes = [{field: value} for field in values for value in values[field]]
    for first, second in itertools.combinations(values, 2):
        for one, other in itertools.product(values[first][:2], values[second][:2]):
            changes.append({first: one, second: other})
    for change in changes:
        if (changed := accepted(config, base | change)) is not None:
            found[changed] = None
    return list(found)


def takes(config: BlockConfig, in_shape: Shape) -> bool:
    """Whether the block says that it can take samples of that shape."""
    try:
        config.output_shape(in_shape)
    except ValueError:
        return False
    return True


def batch(shape: Shape, count: int = 4) -> torch.Tensor:
    """The same random samples at each call."""
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def build(case: BlockCase) -> nn.Module:
    """The block of a case, with the same random weights at each call."""
    torch.manual_seed(0)
    return case.config.build(case.in_shape)
