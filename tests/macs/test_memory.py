"""Peak activation memory of networks worked out by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas.macs.architecture import device_memory
from nas.macs.count import count_macs
from nas.spec.architecture import load_architecture
from nas.spec.definition import InputSpec
from tests.macs.test_count import Calling

B = 4  # bytes of a float32


def peak(module: nn.Module, shape: tuple[int, ...]) -> int:
    return count_macs(module, shape).peak_activation_bytes


def test_a_convolution_needs_its_input_and_its_output() -> None:
    assert peak(nn.Conv2d(3, 8, 3, padding=1), (3, 6, 6)) == B * 36 * (3 + 8)


def test_what_no_later_op_reads_is_freed() -> None:
    chain = nn.Sequential(nn.Conv2d(1, 10, 1), nn.Conv2d(10, 2, 1), nn.Conv2d(2, 1, 1))
    assert peak(chain, (1, 4, 4)) == B * 16 * (10 + 2)


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.ReLU(inplace=True), nn.SiLU(), nn.BatchNorm2d(10)])
def test_normalisation_and_activation_take_the_place_of_their_input(layer: nn.Module) -> None:
    assert peak(nn.Sequential(nn.Conv2d(1, 10, 1), layer), (1, 4, 4)) == B * 16 * 11


def test_an_activation_whose_input_is_read_again_does_not() -> None:
    def gated(x: Tensor) -> Tensor:
        return x * x.sigmoid()

    assert peak(Calling(gated), (1, 4, 4)) == B * 16 * 3


def test_the_weights_of_a_small_network_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 5)
    )
    memory = count_macs(network, (3, 3, 3)).memory
    # a byte a weight, and bias, multiplier and shift of four bytes an output channel
    assert memory.flash_int8 == (8 * 27 + 12 * 8) + (5 * 8 + 12 * 5)
    assert memory.flash_float32 == 4 * (8 * 27 + 8 + 5 * 8 + 5)
    assert (memory.ram_int8, memory.ram_float32) == (27 + 8, 4 * (27 + 8))


def test_shared_weights_are_stored_once() -> None:
    layer = nn.Linear(6, 6)
    once, twice = (
        count_macs(nn.Sequential(*layers), (6,)).memory for layers in ([layer], [layer] * 2)
    )
    assert once.flash_int8 == twice.flash_int8 == 36 + 72
    other = nn.Linear(6, 6)  # shares the weights alone, and has a bias of its own
    other.weight = layer.weight
    tied = count_macs(nn.Sequential(layer, other), (6,)).memory
    assert (tied.flash_int8, tied.flash_float32) == (36 + 2 * 72, 4 * (36 + 2 * 6))


def test_mobilenet_v2_needs_what_cmsis_nn_s_plan_for_it_has() -> None:
    # The first expansion: 16 channels at 32 x 32 become 96, of which a stride of 2 leaves 96 at
    # 16 x 16. So has ExecuTorch's plan
    # (`python -m benchmarks.device_memory`).
    architecture = load_architecture("mobilenet_v2")
    small = replace(architecture, input=InputSpec.parsed("3x64x64"))
    assert device_memory(small).ram_int8 == 96 * 32 * 32 + 96 * 16 * 16 == 122_880


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
