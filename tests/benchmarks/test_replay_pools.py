"""Replays stay within a pool, take no member twice, and count what was found by its true mean."""

import json
from itertools import islice
from math import log
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.record_pools import SPACES, members_even
from benchmarks.replay_pools import SAMPLERS, RecordedPool, main, read_recorded_pool
from nas.spec.definition import InputSpec
from nas.spec.space import load_space

NAME = "small-pictures"
SIZE = 24


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool in which the metric rises with the MACs, and the second seed gives 0.02 more."""
    size = InputSpec.parsed(SPACES[NAME].input)
    space = load_space(f"{NAME}.yaml").with_keys(input=size.model_dump())
    found = tmp_path_factory.mktemp("pools") / f"{NAME}.photos.jsonl"
    lines = []
    for params, network in islice(members_even(space, SPACES[NAME].lowest_macs), SIZE):
        best = 0.1 * log(network.cost.macs / 1e5)
        known = {"space": NAME, "hash": network.key, "params": params, "macs": network.cost.macs}
        lines.append({**known, "seed": 0, "history": [0.01, best, best / 2]})
        lines.append({**known, "seed": 1, "history": [best + 0.02]})
    found.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return found


@pytest.fixture(scope="module")
def pool(path: Path) -> RecordedPool:
    return read_recorded_pool(path)


def test_the_first_seed_is_observed_and_the_mean_of_seeds_is_true(pool: RecordedPool) -> None:
    assert len(pool.members) == SIZE
    for member in pool.members:
        assert member.observed == pytest.approx(0.1 * log(member.macs / 1e5))
        assert member.truth == pytest.approx(member.observed + 0.01)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_takes_each_member_once(name: str, pool: RecordedPool) -> None:
    count = SIZE if name == "random" else 8
    order = list(islice(SAMPLERS[name](pool, 3), count))
    assert len({member.key for member in order}) == count
    assert {member.key for member in order} <= {member.key for member in pool.members}
    assert [item.key for item in islice(SAMPLERS[name](pool, 3), 4)] == [
        item.key for item in order[:4]
    ]


def test_the_front_is_a_line_between_its_members_and_the_worst_where_it_has_none(
    pool: RecordedPool,
) -> None:
    highest = max(item.macs for item in pool.members)
    # The metric is a line in log-MACs, so the interpolated front is that line.
    expected = [0.1 * log(share * highest / 1e5) + 0.01 for share in (0.2, 0.4, 1.0)]
    assert pool.front_at(pool.members)[1:] == pytest.approx(expected)
    dear = [item for item in pool.members if item.macs > 0.5 * highest]
    worst = min(item.truth for item in pool.members)
    assert pool.front_at(dear)[:3] == [worst] * 3
    assert pool.front_at(dear)[3] == pytest.approx(expected[2])
    assert pool.front_at([]) == [worst] * 4


def test_prints_a_line_for_each_number_of_trainings_that_leaves_a_choice(path: Path) -> None:
    result = CliRunner().invoke(main, [str(path), "--replays", "2", "--samplers", "random"])
    assert result.exit_code == 0, result.output
    firsts = [line.split()[:2] for line in result.output.splitlines()[2:]]
    assert firsts == [["sampler", "trainings"], ["random", "10"], ["random", "20"], ["all", "24"]]


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(
        '{"space": "x", "hash": "", "params": {}, "macs": 1, "seed": 0, "history": []}'
    )
    result = CliRunner().invoke(main, [str(wrong)])
    assert result.exit_code == 1
    assert "no recorded space 'x'; allowed: small-pictures, mobilenetv3" in result.output
