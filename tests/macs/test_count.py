"""Counts against closed forms, torch's own counter, and published figures."""

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nas.errors import NasError
from nas.macs.conventions import compare_counters
from nas.macs.count import count_macs


class Calling(nn.Module):
    """A module that applies a function, with weights where it needs them."""

    def __init__(self, function, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parts)


T, D, H = 5, 8, 6  # frames, features in, hidden


@pytest.mark.parametrize(
    ("module", "shape", "macs"),
    [
        (nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=True), (3, 9, 7), 8 * 5 * 4 * 3 * 9),
        (nn.Conv2d(6, 12, (3, 1), groups=3), (6, 9, 7), 12 * 7 * 7 * 2 * 3),
        (nn.Conv2d(6, 6, 5, dilation=2, padding=4, groups=6), (6, 9, 7), 6 * 9 * 7 * 25),
        (nn.Conv1d(4, 8, 3), (4, 10), 8 * 8 * 4 * 3),
        (nn.Conv3d(2, 4, 3), (2, 5, 5, 5), 4 * 27 * 2 * 27),
        (nn.ConvTranspose2d(4, 6, 3, stride=2), (4, 5, 7), 4 * 5 * 7 * 6 * 9),
        (nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, groups=2), (4, 5, 7), 4 * 5 * 7 * 3 * 16),
        (nn.Linear(D, 3), (D,), D * 3),
        (nn.Linear(D, 3, bias=False), (T, D), T * D * 3),
        (nn.Bilinear(D, D, 3), None, 3 * D * D),
        (nn.LSTM(D, H, batch_first=True), (T, D), T * 4 * H * (D + H)),
        (
            nn.LSTM(D, H, num_layers=2, bidirectional=True, batch_first=True),
            (T, D),
            T * 2 * 4 * H * ((D + H) + (2 * H + H)),
        ),
        (nn.LSTM(D, H, proj_size=3, batch_first=True), (T, D), T * (4 * H * (D + 3) + 3 * H)),
        (nn.GRU(D, H, batch_first=True, bias=False), (T, D), T * 3 * H * (D + H)),
        (nn.RNN(D, H, batch_first=True), (T, D), T * H * (D + H)),
        (nn.GRUCell(D, H), (D,), 3 * H * (D + H)),
        (
            Calling(lambda x, a: a(x, x, x)[0], nn.MultiheadAttention(D, 2, batch_first=True)),
            (T, D),
            4 * T * D * D + 2 * T * T * D,
        ),
        (
            Calling(
                lambda x, a: a(x, x, x, need_weights=False)[0],
                nn.MultiheadAttention(D, 2, batch_first=True),
            ),
            (T, D),
            4 * T * D * D + 2 * T * T * D,
        ),
        (
            nn.TransformerEncoderLayer(D, 2, 16, batch_first=True),
            (T, D),
            4 * T * D * D + 2 * T * T * D + 2 * T * D * 16,
        ),
        (Calling(lambda x: F.scaled_dot_product_attention(x, x, x)), (2, T, D), 2 * 2 * T * T * D),
        (Calling(lambda x: torch.einsum("nij,nkj->nik", x, x)), (T, D), T * T * D),
        (Calling(lambda x: torch.baddbmm(x @ x.mT, x, x.mT)), (T, D), 2 * T * T * D),
        (Calling(lambda x: x[0] @ x[0, 0]), (T, D), T * D),
        (Calling(lambda x: torch.addmv(x[0, :, 0], x[0], x[0, 0])), (T, D), T * D),
        (Calling(lambda x: torch.addbmm(x[0] @ x[0].T, x, x.mT)), (T, D), 2 * T * T * D),
        (Calling(lambda x: x.softmax(-1) + F.relu(x) * 2), (T, D), 0),
    ],
)
def test_count_equals_the_closed_form(module, shape, macs) -> None:
    if shape is None:
        module, shape = Calling(lambda x, layer: layer(x, x), module), (D,)
    report = count_macs(module, shape)
    assert report.total == macs
    assert sum(layer.macs for layer in report.layers) == macs
    assert report.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert sum(layer.parameters for layer in report.layers) == report.parameters


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("mobilenet_v3_small", 56.510),
        ("shufflenet_v2_x0_5", 40.476),
        ("efficientnet_b0", 385.815),
        ("resnet18", 1814.073),
    ],
)
def test_published_networks_have_their_known_macs(name: str, millions: float) -> None:
    with torch.device("meta"):
        module = torchvision.models.get_model(name, weights=None)
    report = count_macs(module, (3, 224, 224))
    assert report.total / 1e6 == pytest.approx(millions, abs=5e-4)
    module.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(1, 3, 224, 224, device="meta"))
    assert counter.get_total_flops() == 2 * report.total
    assert sum(layer.macs for layer in report.layers) == report.total


class Stateful(nn.Module):
    """Batch norm, a counter, shared weights, and a buffer that forward replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.first = nn.Conv2d(3, 3, 1)
        self.second = nn.Conv2d(3, 3, 1)
        self.second.weight = self.first.weight
        self.frozen = nn.Dropout(0.5).eval()
        self.loose = [torch.ones(3, 1, 1)]
        self.calls = 0
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x.mean((1, 2, 3))
        return self.frozen(self.second(self.first(self.norm(x)))) * self.loose[0]


def test_the_module_is_left_as_it_was() -> None:
    module = Stateful().train()
    module.frozen.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    addresses = {key: value.data_ptr() for key, value in module.state_dict().items()}
    report = count_macs(module, (3, 4, 4))
    assert report.total == 2 * 9 * 16
    assert report.parameters == 9 + 3 + 3 + 3 + 3
    assert module.calls == 0
    assert module.training
    assert module.norm.training
    assert not module.frozen.training
    assert not module.first._forward_hooks
    after = module.state_dict()
    assert {key: value.data_ptr() for key, value in after.items()} == addresses
    for key, value in before.items():
        assert torch.equal(value, after[key])


def test_a_module_on_meta_keeps_its_training_flags_and_has_no_hooks_afterwards() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout())
    module[2].eval()
    count_macs(module, (3, 4, 4))
    assert [part.training for part in module.modules()] == [True, True, True, False]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_big_weights_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a weight was copied")

    module = nn.Linear(8, 8)
    monkeypatch.setattr(torch.UntypedStorage, "clone", refuse)
    monkeypatch.setattr(torch.UntypedStorage, "__deepcopy__", refuse)
    assert count_macs(module, (8,)).total == 64


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: torch.fft.rfft(x).real, "aten._fft_r2c.*neither counted"),
        (lambda x: torch.cdist(x, x), "aten._cdist_forward.*neither counted"),
        (lambda x: x if x.sum() > 0 else -x, "looks at values"),
        (lambda x: x * x.max().item(), "looks at values"),
        (lambda x: x[x > 0], "looks at values"),
        (lambda x: x.reshape(7, 7), "can't run on an input of 5x8: shape"),
    ],
)
def test_what_can_not_be_counted_is_named_with_its_layer(function, says: str) -> None:
    module = nn.Sequential(nn.Identity(), Calling(function))
    with pytest.raises(NasError, match=f"layer '1'.*{says}"):
        count_macs(module, (5, 8))


@pytest.mark.parametrize("shape", [(), (3, 0, 4), (3, -1, 4), (3.0, 4, 4)])
def test_impossible_inputs_are_refused(shape) -> None:
    with pytest.raises(NasError, match="not allowed"):
        count_macs(nn.Identity(), shape)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_scripted_modules_are_refused() -> None:
    scripted = torch.jit.trace(nn.Linear(4, 3), torch.zeros(1, 4))
    with pytest.raises(NasError, match="layer '1' is TorchScript"):
        count_macs(nn.Sequential(nn.Linear(4, 4), scripted), (4,))


def test_weight_norm_is_no_layer_of_its_own() -> None:
    module = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    assert count_macs(module, (4,)).total == 12


def test_lazy_layers_are_refused() -> None:
    with pytest.raises(NasError, match="lazy"):
        count_macs(nn.LazyLinear(3), (4,))


def test_tensors_that_forward_makes_go_with_the_others() -> None:
    def positions(x: Tensor) -> Tensor:
        steps = torch.arange(x.shape[-1]) + torch.tensor([1.0] * x.shape[-1]) * torch.tensor(2.0)
        return (x + steps).to("cpu") + torch.zeros(x.shape)

    assert count_macs(Calling(positions), (5, 8)).total == 0


def test_depth_gathers_rows_without_losing_any() -> None:
    module = torchvision.models.resnet18(weights=None)
    whole = count_macs(module, (3, 64, 64))
    shallow = count_macs(module, (3, 64, 64), depth=1)
    assert [layer.name for layer in shallow.layers] == [
        "conv1", "layer1", "layer2", "layer3", "layer4", "fc", "bn1",
    ]  # fmt: skip
    assert sum(layer.macs for layer in shallow.layers) == whole.total
    assert sum(layer.parameters for layer in shallow.layers) == whole.parameters
    assert shallow.layers[1].output == (64, 16, 16)


def test_rows_are_the_layers_that_multiply_and_one_for_the_rest() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))
    rows = [
        (row.name, row.block, row.output, row.macs, row.parameters)
        for row in count_macs(module, (3, 4, 4)).layers
    ]
    assert rows == [
        ("0", "Conv2d", (4, 4, 4), 192, 16),
        ("3", "Linear", (2,), 128, 130),
        ("other", "", (), 0, 8),
    ]


class Choosing(nn.Module):
    """Looks at values: what is counted of it is its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1, bias=False)

    def for_counting(self) -> nn.Module:
        return self.conv

    def forward(self, x_NCHW: Tensor) -> Tensor:
        y_NCHW = self.conv(x_NCHW)
        return y_NCHW[y_NCHW > 0]


def test_a_module_may_say_what_is_counted_of_it() -> None:
    report = count_macs(Choosing(), (3, 4, 5))
    assert (report.total, report.parameters) == (8 * 3 * 4 * 5, 24)
    assert set(compare_counters(Choosing(), (3, 4, 5)).totals.values()) == {480}
    with pytest.raises(NasError, match="looks at values"):
        count_macs(Calling(lambda x, conv: x[conv(x) > 0], nn.Conv2d(3, 3, 1)), (3, 4, 5))
