"""The first-order importance of channels, against gates; which ways to begin are compared."""

import torch
from torch import Tensor, nn

from benchmarks.importance import Trained, table, taylor


class Gated(nn.Module):
    """A convolution, its normalisation, a gate of 1 behind each channel, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, bias=False)
        self.norm = nn.BatchNorm2d(5)
        self.gates = nn.Parameter(torch.ones(5))
        self.head = nn.Linear(5, 2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        gated_NCHW = self.norm(self.conv(x_NCHW)) * self.gates[:, None, None]
        outputs_NK: Tensor = self.head(gated_NCHW.relu().mean((2, 3)))
        return outputs_NK


def test_taylor_is_the_squared_gradient_of_a_gate_summed_over_batches() -> None:
    torch.manual_seed(0)
    network, loss = Gated(), nn.CrossEntropyLoss()
    nn.init.uniform_(network.norm.weight)
    nn.init.uniform_(network.norm.bias)
    batches = [(torch.randn(4, 3, 6, 6), torch.randint(2, (4,))) for _ in range(3)]
    found = taylor(network, loss, batches)

    wanted = torch.zeros(5)
    network.eval()
    for inputs, targets in batches:
        (gradient,) = torch.autograd.grad(loss(network(inputs), targets), [network.gates])
        wanted += gradient.square()
    assert found.keys() == {"norm.weight"}
    torch.testing.assert_close(found["norm.weight"], wanted)


def test_ways_to_begin_are_compared_with_the_first_by_pairs() -> None:
    items = [
        Trained(cut, "ImageNet", measure, 0, value)
        for cut, measure, value in [
            ("a", "scale", 0.5), ("b", "scale", 0.7), ("a", "taylor", 0.6), ("b", "taylor", 0.7),
        ]
    ]  # fmt: skip
    rows = table(items)
    assert rows[1].split() == ["ImageNet", "scale", "0.500", "0.700"]
    # differences 0.1 and 0: mean 0.05, SD 0.0707, Student's t with 1 degree of freedom 12.706
    assert rows[2].split()[2:] == ["0.600", "0.700", "+0.050", "(0.635;", "2)"]
