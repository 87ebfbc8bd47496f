"""Differences of outputs, by hand."""

import math

import pytest
import torch

from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.export.parity import Differences, parts
from nas.spec.definition import InputSpec
from nas.tasks.registry import task_named


def test_a_difference_is_absolute_up_to_one_and_relative_above() -> None:
    differences = Differences(["logits"])
    differences.add(torch.tensor([[0.5, -200.0]]), torch.tensor([[0.75, -200.0]]))
    assert differences.largest == {"logits": 0.25}
    differences.add(torch.tensor([[0.5, -200.0]]), torch.tensor([[0.5, -300.0]]))
    assert differences.largest == {"logits": 0.5}


@pytest.mark.parametrize(
    ("found", "largest"),
    [(math.inf, 0.0), (-math.inf, math.inf), (5.0, math.inf), (math.nan, math.inf)],
)
def test_infinite_outputs_must_be_the_same(found: float, largest: float) -> None:
    differences = Differences(["distances"])
    differences.add(torch.tensor([[math.inf]]), torch.tensor([[found]]))
    assert differences.largest == {"distances": largest}


def test_decisions_are_counted_by_sample() -> None:
    differences = Differences(["logits"])
    expected = torch.tensor([[0.1, 0.2], [0.3, 0.1], [0.0, 1.0]])
    found = torch.tensor([[0.1, 0.2], [0.1, 0.3], [0.5, 0.6]])
    images = DataRequest(None, InputSpec(channels=1, height=8, width=8))
    data = task_named("image").load_data(images)
    differences.decide(task_named("image"), data, expected, found)
    assert (differences.samples, differences.equal, differences.decided) == (3, 2, 3)


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(NasError, match="gives a list, and only tensors"):
        parts([torch.zeros(1)])
