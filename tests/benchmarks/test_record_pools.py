"""Pools grow alike, lose no whole line to a kill, and are never recorded twice."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.record_pools import SPACES, main, members_even, plan, whole_lines
from nas.spec.definition import InputSpec
from nas.spec.space import load_space
from tests.search.conftest import write_pictures


def test_every_beginning_of_the_plan_is_even_and_the_whole_has_all_seeds() -> None:
    whole = list(plan(20))
    assert len(set(whole)) == len(whole) == 20 * 2 * 2 * 2
    for length in range(1, 90):
        begun = Counter((item.space, item.data) for item in whole[:length] if item.seed == 0)
        assert max(begun.values()) - min(begun.get(each, 0) for each in begun) <= 1
    first = whole[: 20 * 4 + 3 * 4]
    assert [item.member for item in first if item.seed == 1] == [0] * 4 + [8] * 4 + [16] * 4


@pytest.mark.slow
def test_members_are_new_and_even_in_log_macs() -> None:
    name = "small-pictures"
    size, low = InputSpec.parsed(SPACES[name].input), SPACES[name].lowest_macs
    space = load_space(f"{name}.yaml").with_keys(input=size.model_dump())
    found = [network for _, network in islice(members_even(space, low), 60)]
    assert len({network.key for network in found}) == 60
    decades = np.log10([network.cost.macs / low for network in found])
    assert decades.min() >= 0
    assert decades.max() <= 1
    thirds = np.histogram(decades, 3, (0, 1))[0]
    assert thirds.min() >= 10  # of 20 expected each; 1 draw in 20 of the space is as cheap


def test_a_line_that_a_kill_cut_short_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_text('{"member": 0}\n{"member": 1}\n{"mem')
    assert whole_lines(path) == [{"member": 0}, {"member": 1}]
    assert path.read_text() == '{"member": 0}\n{"member": 1}\n'


@pytest.mark.slow
def test_what_is_recorded_is_not_trained_again(tmp_path: Path) -> None:
    photos, pools = write_pictures(tmp_path / "data", 3), tmp_path / "pools"
    pools.mkdir()
    given = ["--data", str(photos), "--pools", str(pools), "--epochs", "1", "--members"]
    assert len(CliRunner().invoke(main, [*given, "1"]).output.splitlines()) == 8
    again = CliRunner().invoke(main, [*given, "1"])
    assert (again.exit_code, again.output) == (0, "")
    rows = [json.loads(line) for path in pools.iterdir() for line in path.read_text().splitlines()]
    assert len(rows) == 8
    assert len({row["hash"] for row in rows}) == 4  # the classes are not as many on both data
    assert all(len(row["history"]) == 1 for row in rows)
