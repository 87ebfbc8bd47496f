"""Peak activation memory of networks worked out by hand."""

import pytest
import torch
from torch import Tensor, nn

from nas.macs.count import count_macs
from tests.macs.test_count import Calling

B = 4  # bytes of a float32


def peak(module: nn.Module, shape: tuple[int, ...]) -> int:
    return count_macs(module, shape).peak_activation_bytes


def test_a_convolution_needs_its_input_and_its_output() -> None:
    assert peak(nn.Conv2d(3, 8, 3, padding=1), (3, 6, 6)) == B * 36 * (3 + 8)


def test_what_no_later_op_reads_is_freed() -> None:
    chain = nn.Sequential(nn.Conv2d(1, 10, 1), nn.Conv2d(10, 2, 1), nn.Conv2d(2, 1, 1))
    assert peak(chain, (1, 4, 4)) == B * 16 * (10 + 2)


def test_an_activation_in_place_takes_no_memory_and_one_out_of_place_does() -> None:
    assert peak(nn.Sequential(nn.Conv2d(1, 10, 1), nn.ReLU(inplace=True)), (1, 4, 4)) == B * 16 * 11
    assert peak(nn.Sequential(nn.Conv2d(1, 10, 1), nn.ReLU()), (1, 4, 4)) == B * 16 * 20


def test_a_skip_connection_holds_its_start_until_the_sum() -> None:
    def residual(x: Tensor, wide: nn.Module, narrow: nn.Module) -> Tensor:
        return x + narrow(wide(x))

    module = Calling(residual, nn.Conv2d(2, 8, 1), nn.Conv2d(8, 2, 1))
    # At the second convolution: the input, the wide map and the narrow one.
    assert peak(module, (2, 4, 4)) == B * 16 * (2 + 8 + 2)


def test_views_share_memory_and_copies_do_not() -> None:
    assert peak(nn.Flatten(), (2, 4, 4)) == B * 32
    assert peak(Calling(lambda x: x.transpose(2, 3) * 1), (2, 4, 4)) == B * 64


def test_the_indices_of_a_max_pool_are_not_held() -> None:
    assert peak(nn.MaxPool2d(2), (2, 4, 4)) == B * (32 + 8)


def test_every_part_of_the_result_is_held_to_the_end() -> None:
    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, (x * 2).sum()

    # The input, the first result, the product, and then the sum beside it.
    assert peak(Calling(both), (16,)) == B * (16 + 16 + 16)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_values_are_taken_as_float32(dtype: torch.dtype) -> None:
    assert peak(nn.Linear(6, 4).to(dtype), (6,)) == B * (6 + 4)


def test_weights_take_no_activation_memory() -> None:
    assert peak(nn.Linear(1000, 1), (1000,)) == B * 1001
