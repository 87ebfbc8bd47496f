"""Learning rates against PyTorch's schedulers."""

import warnings

import pytest
import torch

from nas.spec.training import TrainingSpec
from nas.train.optimizer import learning_rate_at


def _torch_rates(schedule: str, peak: float, steps: int) -> list[float]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    if schedule == "one_cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=peak, total_steps=steps, cycle_momentum=False
        )
    else:
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimiser step is taken
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            if len(rates) < steps:
                scheduler.step()
    return rates


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
@pytest.mark.parametrize("steps", [5, 10, 137])
def test_agrees_with_pytorch(schedule: str, steps: int) -> None:
    training = TrainingSpec(schedule=schedule, learning_rate=3e-3)
    ours = [learning_rate_at(training, step, steps) for step in range(steps)]
    assert ours == pytest.approx(_torch_rates(schedule, 3e-3, steps), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_shortest_runs_have_positive_rates_up_to_the_peak(schedule: str, steps: int) -> None:
    training = TrainingSpec(schedule=schedule, learning_rate=1.0)
    rates = [learning_rate_at(training, step, steps) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) > 0.4
