"""The same network in other words: in place, masked, packed, marked, with constants of its own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import NasError
from nas.macs.conventions import compare_counters
from nas.macs.count import count_macs
from nas.macs.report import as_json, as_markdown, as_text

STEM = 8 * 30 * 30 * 27
"""Of a convolution 3 -> 8 by 3x3 on 32x32."""
MEAN = torch.tensor([0.4, 0.4, 0.4]).view(1, 3, 1, 1)
MASK, INDEX = torch.tensor([True, False] * 4), torch.tensor([0, 2, 4])
FILTERS = torch.ones(4, 8, 1, 1)


class Stem(nn.Module):
    """A convolution, then whatever is given."""

    def __init__(self, then: Callable[[Tensor], Tensor], first: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.then, self.first = then, first

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.stem(self.first(x)))


def same(x: Tensor) -> Tensor:
    return x


def recorded(x: Tensor) -> Tensor:
    with torch.profiler.record_function("mark"):
        return x + 1


def written(x: Tensor) -> Tensor:
    out = torch.empty_like(x)
    torch.add(x, x, out=out)
    out[:, 0] = 1
    return out


def counted_by_values(x: Tensor) -> Tensor:
    kept = int(torch.tensor([1, 2]).sum())
    return x[:, :kept] if torch.arange(4).max() > 2 else functional.conv2d(x, FILTERS)


IN_PLACE = (
    nn.Mish(inplace=True), nn.Threshold(0.1, 0, inplace=True), nn.ELU(inplace=True),
    nn.SELU(inplace=True), nn.CELU(inplace=True), nn.SiLU(inplace=True), nn.ReLU6(inplace=True),
    nn.Hardswish(inplace=True), nn.Hardsigmoid(inplace=True), nn.LeakyReLU(inplace=True),
    nn.RReLU(inplace=True), nn.Hardtanh(inplace=True), nn.Dropout(inplace=True),
)  # fmt: skip


@pytest.mark.parametrize("layer", IN_PLACE, ids=lambda layer: type(layer).__name__)
def test_activations_in_place(layer: nn.Module) -> None:
    assert count_macs(nn.Sequential(nn.Conv2d(3, 8, 3), layer), (3, 32, 32)).total == STEM


@pytest.mark.parametrize(
    ("then", "more"),
    [
        (lambda y: y.masked_fill_(y > 0, 0.0).masked_fill(y < 0, 1.0), 0),
        (lambda y: y.clamp_min_(0).addcmul_(y, y).lerp_(y, 0.5).pow_(2).exp_().cumsum_(1), 0),
        (lambda y: y.tril_().index_add_(1, INDEX, y[:, :3]).sigmoid_().nan_to_num_(), 0),
        (written, 0),
        (recorded, 0),
        (lambda y: y[:, MASK] + y[:, INDEX[:1]], 0),
        (lambda y: y * torch.linspace(0, 1, 30) + torch.zeros(8, 30, 30), 0),
        (lambda y: y * torch.rand(8, 1, 1), 0),
        (counted_by_values, 0),
        (lambda y: functional.conv2d(y, FILTERS), 4 * 8 * 900),
        (lambda y: functional.conv2d(y[:, MASK], FILTERS[:, :4]), 4 * 4 * 900),
    ],
)
def test_what_comes_behind_is_known(then: Callable[[Tensor], Tensor], more: int) -> None:
    assert count_macs(Stem(then, same), (3, 32, 32)).total == STEM + more


def test_constants_stay_what_they_are() -> None:
    network, before = Stem(same, lambda x: x - MEAN), MEAN.clone()
    assert count_macs(network, (3, 32, 32)).total == STEM
    count_macs(Stem(same, lambda x: x - MEAN.add_(1) + INDEX.mul_(2).sum()), (3, 32, 32))
    assert torch.equal(MEAN, before)
    assert INDEX.tolist() == [0, 2, 4]


def test_values_of_the_input_are_still_not_known() -> None:
    for then in (
        lambda y: y[y > 0],
        lambda y: y * float(y.sum()),
        lambda y: y[:, y[0, :, 0, 0] > 0],
    ):
        with pytest.raises(NasError, match="looks at values"):
            count_macs(Stem(then, same), (3, 32, 32))


class Kept(nn.Module):
    """Reads masks and numbers from its buffers and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.register_buffer("mask", torch.tensor([True] * 6 + [False] * 2))
        self.mean, self.kept = torch.zeros(3, 1, 1), torch.tensor(5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x - self.mean)[:, self.mask]
        return functional.conv2d(y[:, : int(self.kept)], FILTERS[:, :5])


def test_masks_and_numbers_that_a_network_keeps() -> None:
    assert count_macs(Kept(), (3, 32, 32)).total == STEM + 4 * 5 * 900


def test_wrapped_networks() -> None:
    inner = nn.Conv2d(3, 8, 3)
    for network in (nn.DataParallel(inner), nn.Sequential(nn.DataParallel(inner), nn.ReLU())):
        assert count_macs(network, (3, 32, 32)).total == STEM


class Packed(nn.Module):
    def __init__(self, lengths: Callable[[int, int], object]) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 20, batch_first=True, num_layers=2, bidirectional=True)
        self.lengths = lengths

    def forward(self, x: Tensor) -> Tensor:
        lengths = self.lengths(x.shape[0], x.shape[1])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


@pytest.mark.parametrize(
    ("lengths", "steps"),
    [
        (lambda n, t: [t] * n, 10),
        (lambda n, t: torch.full((n,), t), 10),
        (lambda n, t: torch.tensor([t - 3] * n), 7),
    ],
)
def test_packed_sequences(lengths: Callable[[int, int], object], steps: int) -> None:
    step = 2 * 4 * 20 * (16 + 20) + 2 * 4 * 20 * (40 + 20)
    assert count_macs(Packed(lengths), (10, 16)).total == steps * step


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)

    def forward(self, x: Tensor) -> Tensor:
        padding = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
        return self.layers(x, src_key_padding_mask=padding)


def test_an_encoder_with_padding() -> None:
    projections, attention, forward = 4 * 64 * 64, 2 * 40 * 64, 2 * 64 * 128
    assert count_macs(Encoder(), (40, 64)).total == 2 * 40 * (projections + attention + forward)


class Untraceable(nn.Module):
    """fvcore traces it with one set of values; ptflops and ours run it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("not to be traced\nat all")
        return self.stem(x)


def test_one_counter_that_fails_leaves_the_others() -> None:
    network = Untraceable()
    found = compare_counters(network, (3, 32, 32))
    assert found.failed == {"fvcore": "not to be traced"}
    assert found.totals["ours"] == STEM
    assert found.totals["ptflops_aten"] == STEM + 8 * 900
    report = count_macs(network, (3, 32, 32))
    for text in (as_text(report, found), as_markdown(report, found)):
        assert "fvcore can't count it: not to be traced" in text
    assert '"fvcore": null' in as_json(report, found)
