"""Devices by name, precision by device, and generators that are put back."""

import pytest
import torch

from nas.errors import NasError
from nas.train.device import (
    choose_device,
    default_threads,
    seeded,
    set_threads,
    uses_bfloat16,
)


def test_names() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "meta"])
def test_a_device_that_is_not_here_is_a_clear_error(name: str) -> None:
    with pytest.raises(NasError, match="try auto or cpu"):
        choose_device(name)


def test_the_cpu_keeps_float32_unless_asked() -> None:
    cpu = torch.device("cpu")
    assert not uses_bfloat16("auto", cpu)
    assert not uses_bfloat16("float32", cpu)
    assert uses_bfloat16("bfloat16", cpu)


def test_seeds_hold_within_only() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with seeded(5, torch.device("cpu")):
        inside = torch.rand(2)
    with seeded(5, torch.device("cpu")):
        assert torch.equal(torch.rand(2), inside)
    assert torch.equal(torch.rand(2), expected)


def test_half_of_the_cores_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (2, 1), (3, 1), (8, 4)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False)
        assert default_threads() == threads


@pytest.mark.parametrize("threads", [0, -1, 1_025, 100_000])
def test_threads_that_would_end_the_process(threads: int) -> None:
    before = torch.get_num_threads()
    with pytest.raises(NasError, match=f"--threads: {threads} is not allowed: 1 to 1024"):
        set_threads(threads)
    assert torch.get_num_threads() == before
