"""What a teacher says of windows: divergences of presence, time steps matched, mixed pairs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from blocks import TimeAttentionOutput
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.spec.architecture import InputSpec
from nas.tasks.sed.losses import taught_windows_loss
from nas.tasks.sed.targets import Mix
from nas.tasks.sed.task import SedTask


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def divergence(logits, q) -> float:
    p = sigmoid(logits)
    return float((q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))).mean())


def drawn(steps: int, seed: int) -> TimeAttentionOutput:
    generator = torch.Generator().manual_seed(seed)
    return TimeAttentionOutput(
        torch.randn(4, 3, generator=generator), torch.randn(4, 3, steps, generator=generator)
    )


def test_it_is_the_mean_divergence_of_clips_and_segments() -> None:
    own, teacher = drawn(6, 0), drawn(6, 1)
    expected = (
        0.5
        * 4
        * sum(
            divergence(a.numpy() / 2, sigmoid(b.numpy() / 2))
            for a, b in zip(own, teacher, strict=True)
        )
    )
    assert float(taught_windows_loss(own, teacher, None, 2.0)) == pytest.approx(expected, rel=1e-4)


def test_segments_are_matched_in_time() -> None:
    own = drawn(6, 0)
    rows_NKT = torch.randn(4, 3, 1)
    teacher = (own.clipwise_NK, rows_NKT.expand(-1, -1, 3))
    alike = TimeAttentionOutput(own.clipwise_NK, rows_NKT.expand(-1, -1, 6))
    assert float(taught_windows_loss(alike, teacher, None, 1.0)) == pytest.approx(0, abs=1e-6)
    assert float(taught_windows_loss(own, teacher, None, 1.0)) > 0.01


def test_windows_that_are_mixed_before_the_head_have_mixed_probabilities() -> None:
    own, teacher = drawn(6, 0), drawn(6, 1)
    order = torch.tensor([1, 0, 3, 2])
    expected = 0.0
    for a, b in zip(own, teacher, strict=True):
        q = sigmoid(b.numpy())
        expected += 0.5 * divergence(a.numpy(), 0.7 * q + 0.3 * q[order.numpy()])
    found = taught_windows_loss(own, teacher, Mix(0.7, order, "last_layer"), 1.0)
    assert float(found) == pytest.approx(expected, rel=1e-4)
    heard = taught_windows_loss(own, teacher, Mix(0.7, order, "input"), 1.0)
    assert float(heard) == pytest.approx(float(taught_windows_loss(own, teacher, None, 1.0)))


def test_a_teacher_of_other_windows_is_refused() -> None:
    task = SedTask()
    data = task.load_data(DataRequest(None, InputSpec(channels=1, height=32, width=64)))
    task.check_teacher(data, replace(data, input=InputSpec(channels=3, height=32, width=64)))
    with pytest.raises(NasError, match=r"input\.width is 128 there, 64 here"):
        task.check_teacher(data, replace(data, input=InputSpec(channels=1, height=32, width=128)))
