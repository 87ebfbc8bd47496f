"""The program that compares samplers, and what its figures mean."""

import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.efficiency.simulation import Trace
from benchmarks.efficiency.summary import Summary, summarise
from benchmarks.efficiency.true_front import TrueFront
from benchmarks.efficiency.verdict import Compared, verdict
from benchmarks.hypervolume import Reference
from benchmarks.search_efficiency import main

FRONT = TrueFront(np.array([0.0, 5, 10]), np.array([0.0, 0.5, 1]), 10, 0, exact=True)


def summary(*shares: list[float]) -> Summary:
    return Summary(np.array(shares), proposals=10, repeats=1, ask_seconds=0.1)


def test_shares_are_of_the_true_hypervolume_and_stay_when_a_study_ends() -> None:
    trace = Trace(points=[(7.5, 0.5), (5, 0.5)], proposals=2)
    assert FRONT.reference("nadir") == Reference(10, 0)
    found = summarise([trace], FRONT, "nadir", 4)
    assert found.shares.tolist() == [[50, 100, 100, 100]]


def test_evaluations_to_a_share_are_the_median_of_seeds_that_may_not_reach_it() -> None:
    rising, never = [50.0, 95, 99, 100], [50.0, 60, 70, 80]
    assert summary(rising).evaluations_to(0.95) == 2
    assert summary(rising, rising, never).evaluations_to(0.99) == 3
    assert summary(rising, never, never).evaluations_to(0.99) == math.inf
    assert summary(rising, never).evaluations_to(0.99) == math.inf


def test_quartiles_are_over_seeds() -> None:
    assert summary([1.0], [2.0], [3.0], [4.0], [5.0]).quartiles(1) == (2, 3, 4)


def curve(at: int, evaluations: int = 100, before: float = 50.0) -> Summary:
    """Reaches 100 % at an evaluation."""
    return summary([before] * (at - 1) + [100.0] * (evaluations - at + 1))


def judged(ours: int, parallel: int, peer: int, table: bool = True, chance: float = 40) -> str:
    summaries = {
        "known_cost": curve(ours), "known_cost_parallel": curve(parallel),
        "tpe_integers": curve(peer), "tpe": curve(99), "random": curve(100, before=chance),
    }  # fmt: skip
    return "\n".join(verdict(Compared("x", "nadir", table, summaries, 100, 8)))


def test_goals_are_judged() -> None:
    assert "NOT MET" not in judged(25, 35, 75)
    assert "NOT MET: 99 % in 31 evaluations (at most 30)" in judged(31, 35, 99)
    best = "NOT MET: 99 % in 30, best peer 75 (TPE multivariate); at most a third"
    assert best in judged(30, 30, 75)
    assert "NOT MET: 99 % in 36 with 8 in parallel, 25 alone" in judged(25, 36, 90)
    below = judged(25, 35, 75, chance=60)
    assert "NOT MET: known_cost at 10: 50.0 against 60.0 %; known_cost_parallel at 10" in below
    assert "a third" not in judged(30, 30, 75, table=False)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def test_a_table_a_reference_and_the_goals_are_printed() -> None:
    methods = "random,tpe,known_cost"
    code, output = run(
        "--spaces", "tiny", "--methods", methods, "--seeds", "2", "--evaluations", "12"
    )
    assert code == 0, output
    assert "reference nadir (102.00 M, 49.77 %), median (quartiles) of 2" in output
    assert "reference best-8 (102.00 M, 86.85 %)" in output
    lines = output.splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith(("random", "TPE", "known"))] \
        == ["random", "TPE default, as a script", "known cost"] * 2  # fmt: skip
    assert lines[-3].split() == ["goals"]
    assert lines[-2].startswith("tiny, nadir: ")


def test_asking_is_timed_alone() -> None:
    code, output = run("--spaces", "tiny", "--methods", "known_cost,random", "--ask-time", "30")
    assert code == 0, output
    assert "tiny, known cost: asking behind 30 trials " in output
    assert "under 0.3 s" in output
    assert "goals" not in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --table or --spaces"),
        (("--spaces", "tinny"), "no 'tinny'; did you mean 'tiny'?"),
        (("--spaces", "tiny", "--methods", "tpee"), "no 'tpee'; did you mean 'tpe'?"),
        (("--spaces", "tiny", "--accuracy-reference", "worst"), "'worst'; allowed: nadir, best-8"),
    ],
)
def test_what_is_wrong_with_the_flags_is_said(arguments: tuple[str, ...], said: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert said in output


def test_what_is_wrong_with_a_table_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"01": 3}')
    code, output = run("--table", str(path))
    assert code == 1
    assert "bad.json 01: expected a mapping, not 3" in output
