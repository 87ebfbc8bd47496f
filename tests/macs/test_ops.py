"""Ops of one's own: counted as their handle says, an error without one."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.macs import ops
from nas.macs.count import count_macs
from nas.macs.ops import register_op

SCHEMA = "nas_tests::low_rank"


@torch.library.custom_op(SCHEMA, mutates_args=())
def low_rank(
    x_NC: Tensor, down_RC: Tensor, up_KR: Tensor, copies: int = 2
) -> tuple[Tensor, Tensor]:
    y_NK = x_NC @ down_RC.T @ up_KR.T
    return y_NK, y_NK.repeat(copies, 1)


@low_rank.register_fake
def _(x_NC: Tensor, down_RC: Tensor, up_KR: Tensor, copies: int = 2) -> tuple[Tensor, Tensor]:
    y_NK = x_NC.new_empty(x_NC.shape[0], up_KR.shape[0])
    return y_NK, y_NK.new_empty(copies * x_NC.shape[0], up_KR.shape[0])


class LowRank(nn.Module):
    """10 channels to 7 through a rank of 3."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(3, 10))
        self.up = nn.Parameter(torch.randn(7, 3))

    def forward(self, x_NC: Tensor) -> Tensor:
        y_NK: Tensor = low_rank(x_NC, self.down, up_KR=self.up)[0]
        return y_NK


@pytest.fixture(autouse=True)
def own_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "_handles", {})


def cost(arguments: Sequence[Any], outputs: Sequence[Any]) -> int:
    x_NC, down_RC, up_KR, copies = arguments
    assert copies == 2
    assert [tuple(y.shape) for y in outputs] == [(1, 7), (2, 7)]
    return int(x_NC.shape[0] * (down_RC.numel() + up_KR.numel()))


def test_an_unknown_op_is_an_error_that_names_the_door() -> None:
    network = nn.Sequential(nn.Linear(4, 10), LowRank())
    with pytest.raises(NasError, match="which is neither") as found:
        count_macs(network, (4,))
    assert str(found.value).startswith("layer '1' uses nas_tests.low_rank, which")
    assert f"nas.register_op('{SCHEMA}', ...) says what it costs" in str(found.value)


def test_an_own_op_costs_what_its_handle_says() -> None:
    """Beside the same two products as linear layers, which are counted already."""
    register_op(SCHEMA, cost)
    plain = nn.Sequential(
        nn.Linear(4, 10), nn.Linear(10, 3, bias=False), nn.Linear(3, 7, bias=False)
    )
    report = count_macs(nn.Sequential(nn.Linear(4, 10), LowRank()), (4,))
    assert report.total == 4 * 10 + 10 * 3 + 3 * 7
    assert report.total == count_macs(plain, (4,)).total
    assert [layer.macs for layer in report.layers] == [40, 51]


def test_known_ops_keep_their_cost() -> None:
    register_op(SCHEMA, cost)
    for name in (SCHEMA, "aten::convolution", "aten::addmm_", "aten::mul", "aten::relu_",
                 "aten::view", "aten::native_batch_norm"):  # fmt: skip
        with pytest.raises(ValueError, match=f"op '{name}' is known already"):
            register_op(name, cost)
    with pytest.raises(ValueError, match="not 'low_rank'"):
        register_op("low_rank", cost)


def test_an_aten_op_that_nothing_is_known_of_can_be_counted() -> None:
    register_op("aten::_fft_r2c", lambda arguments, outputs: 11)

    class Spectrum(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.rfft(x).abs()

    assert count_macs(Spectrum(), (8,)).total == 11


@pytest.mark.parametrize("said", [-1, 1.5, None])
def test_a_handle_that_gives_no_number_is_an_error(said: Any) -> None:
    register_op(SCHEMA, lambda arguments, outputs: said)
    with pytest.raises(NasError, match=f"the handle of {SCHEMA} gives {said} multiply-adds"):
        count_macs(LowRank(), (10,))
