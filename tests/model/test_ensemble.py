"""Several networks as one."""

import pytest
import torch
from torch import Tensor, nn

from nas.model.build import MeanNetwork


class Constant(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.value.expand(len(x_NCHW), 3)


def test_the_outputs_of_all_networks_are_put_together_in_order() -> None:
    seen: list[list[float]] = []

    def mean(outputs: list[Tensor]) -> Tensor:
        seen.append([output[0, 0].item() for output in outputs])
        return torch.stack(outputs).mean(0)

    ensemble = MeanNetwork([Constant(1.0), Constant(4.0)], mean)
    assert torch.equal(ensemble(torch.zeros(2, 1, 4, 4)), torch.full((2, 3), 2.5))
    assert seen == [[1.0, 4.0]]
    assert len(list(ensemble.parameters())) == 2


def test_an_ensemble_of_no_networks_is_refused() -> None:
    with pytest.raises(ValueError, match="no networks"):
        MeanNetwork([], lambda outputs: outputs[0])
