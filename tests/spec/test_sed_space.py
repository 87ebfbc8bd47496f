"""The installed space of networks for sound events: time steps, strides and cost of its members."""

import numpy as np
import pytest
import torch

from nas.data.audio.preprocess import MelPreprocess
from nas.macs.architecture import count_architecture
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.spec.definition import ArchitectureSpec
from nas.spec.space import load_space
from nas.spec.trial import RandomTrial

SPACE = load_space("sed.yaml")


@pytest.fixture(scope="module")
def members() -> list[ArchitectureSpec]:
    generator = np.random.default_rng(0)
    return [SPACE.sample(RandomTrial(generator, number)) for number in range(60)]


def test_its_windows_are_eight_seconds_of_the_whole_minute() -> None:
    assert SPACE.task == "sed"
    assert set(SPACE.input.shapes()) == {(1, 128, 512)}
    assert isinstance(SPACE.preprocess, MelPreprocess)
    assert 512 * SPACE.preprocess.frame_s == 8.192
    assert not SPACE.preprocess.says_normalisation, "it is measured on the data"


def test_time_steps_are_the_product_of_the_strides(members: list[ArchitectureSpec]) -> None:
    found = set()
    for member in members:
        stride = 1
        for step in member.steps():
            *_, along = str(getattr(step.config, "stride", 1)).split("x")
            stride *= int(along)
        assert member.feature_shape()[2] == 512 // stride
        found.add(512 // stride)
    assert min(found) == 16
    assert len(found) >= 3


def test_cost_is_counted_with_the_head(members: list[ArchitectureSpec]) -> None:
    for member in members[:5]:
        channels, _, steps = member.feature_shape()
        with torch.device("meta"):
            report = count_macs(build_network(member), member.input.shape)
        head = 2 * channels * len(member.classes) * steps
        assert report.layers[-1].macs == head
        assert report.total == sum(row.macs for row in report.layers[:-1]) + head
        assert report.total == count_architecture(member).total


@pytest.mark.slow
def test_half_of_the_members_are_within_the_budget(members: list[ArchitectureSpec]) -> None:
    macs = sorted(count_architecture(member).total for member in members)
    assert SPACE.budget.max_macs == 100_000_000
    assert macs[len(macs) // 2] < SPACE.budget.max_macs
    assert macs[0] < 25_000_000
