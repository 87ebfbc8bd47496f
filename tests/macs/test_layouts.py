"""The shape rules against PyTorch's own meta kernels."""

import pytest
import torch
from torch.nn import functional as F

from nas.errors import NasError
from nas.macs import kernels
from nas.macs.count import count_macs
from nas.macs.layouts import RULES
from tests.macs.test_count import Calling


def meta(*sizes: int) -> torch.Tensor:
    return torch.empty(sizes, device="meta")


def layouts(result: object) -> list[object]:
    tensors = result if isinstance(result, tuple) else (result,)
    return [(tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors]


aten = torch.ops.aten
CALLS = [
    (aten.add.Tensor, (meta(1, 3, 4, 4), meta(3, 1, 1)), {"alpha": 2}),
    (aten.mul.Tensor, (meta(1, 3, 4, 4), meta(1, 3, 1, 1)), {}),
    (aten.sub.Tensor, (meta(4), meta(3, 4)), {}),
    (aten.div.Tensor, (meta(3, 4), meta(3, 4)), {}),
    (aten.relu.default, (meta(2, 3),), {}),
    (aten.hardtanh_.default, (meta(2, 3), 0, 6), {}),
    (aten.hardswish.default, (meta(2, 3),), {}),
    (aten.hardswish_.default, (meta(2, 3),), {}),
    (aten.hardsigmoid.default, (meta(2, 3),), {}),
    (aten.silu.default, (meta(2, 3),), {}),
    (aten.sigmoid.default, (meta(2, 3),), {}),
    (aten.tanh.default, (meta(2, 3),), {}),
    (aten.gelu.default, (meta(2, 3),), {}),
    (aten.mish.default, (meta(2, 3),), {}),
    (aten.leaky_relu_.default, (meta(2, 3), 0.1), {}),
    (aten.elu.default, (meta(2, 3),), {}),
    (aten.softplus.default, (meta(2, 3),), {}),
    (aten.cat.default, ([meta(1, 3, 4), meta(1, 5, 4)], 1), {}),
    (aten.cat.default, ([meta(2, 3), meta(2, 3)], -1), {}),
    (aten.mean.dim, (meta(2, 3, 4, 5), [2, 3]), {}),
    (aten.mean.dim, (meta(2, 3, 4, 5), [-1, -2], True), {}),
    (aten.channel_shuffle.default, (meta(1, 8, 3, 3), 2), {}),
    (aten.max_pool2d_with_indices.default, (meta(1, 2, 9, 8), [3, 3], [2, 2], [1, 1]), {}),
    (aten.max_pool2d_with_indices.default, (meta(1, 2, 9, 8), [2, 3]), {}),
    (aten.mm.default, (meta(2, 3), meta(5, 3).t()), {}),
    (aten.addmm.default, (meta(5), meta(2, 3), meta(5, 3).t()), {}),
    (
        aten.convolution.default,
        (meta(1, 6, 9, 7), meta(8, 3, 3, 2), meta(8), [2, 1], [1, 0], [1, 2], False, [0, 0], 2),
        {},
    ),
]


@pytest.mark.parametrize(("op", "args", "kwargs"), CALLS, ids=[str(op) for op, _, _ in CALLS])
def test_rules_and_memory_give_what_the_kernel_gives(op, args, kwargs, monkeypatch) -> None:
    monkeypatch.setattr(kernels, "_remembered", {})
    kernel = op(*args, **kwargs)
    for _ in range(2):  # by the rule, then from memory
        result = kernels.run_meta(op, args, kwargs)
        assert layouts(result) == layouts(kernel)
        assert op._schema.is_mutable == (result is args[0])
    assert len(kernels._remembered) == 1


def test_every_rule_is_held_against_its_kernel() -> None:
    tested = {op._schema.name.partition("::")[2].removesuffix("_") for op, _, _ in CALLS}
    assert tested == set(RULES)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x[:, :3],
        lambda x: F.conv2d(x[None], x.new_empty(2, 4, 1, 1)),
        lambda x: torch.cat((x, x[0]), 1),
        lambda x: x @ x,
        lambda x: F.channel_shuffle(x[None], 5),
        lambda x: x[:, :1].add_(x),
        lambda x: x.mean((1, 1)),
        lambda x: F.max_pool2d(x[None, None], 9),
        lambda x: F.max_pool2d(x[None, None], 2, padding=2),
    ],
)
def test_what_does_not_fit_is_refused_as_by_the_kernel(function) -> None:
    for _ in range(2):  # and not remembered
        with pytest.raises(NasError, match="can't run"):
            count_macs(Calling(function), (8, 6))


def test_results_of_other_layouts_and_types_are_the_kernel_s() -> None:
    x = meta(1, 4, 6, 6).to(memory_format=torch.channels_last)
    assert kernels.run_meta(aten.relu.default, (x,), {}).stride() == x.stride()
    whole = torch.empty((3,), dtype=torch.int64, device="meta")
    assert kernels.run_meta(aten.add.Tensor, (whole, meta(3)), {}).dtype == torch.float32
    assert (
        kernels.run_meta(aten.mean.dim, (meta(3, 4), [1]), {"dtype": torch.float64}).dtype
        == torch.float64
    )
    assert kernels.run_meta(aten.mean.default, (meta(3, 4),), {}).shape == ()
