"""The replay of recorded curves, worked out by hand."""

import json
from collections.abc import Sequence
from math import log, sqrt
from pathlib import Path

import pytest

from benchmarks.early_stopping.comparison import Arm, compare
from benchmarks.early_stopping.orders import FIRST_AT_RANDOM, ORDERS, guided_order
from benchmarks.early_stopping.pool import BEYOND, Pool, pool_of_search, read_pool
from benchmarks.early_stopping.replay import replay
from nas.errors import NasError
from nas.search.journal import open_study
from nas.search.stopping.rule import GO_ON, LearningCurve, NeverStop, StopVerdict
from nas.search.trials import note_costs, note_outcome

FINALS = [(100, 0.3), (200, 0.5), (400, 0.4), (800, 0.6)]
"""MACs and final metric: only the third is not on the front."""


def row(macs: int, final: float) -> str:
    runs = [
        {"epochs": 4, "seed": 1, "history": [0.9] * 4, "seconds": 1.0},
        {"epochs": 4, "seed": 0, "history": [0.1, 0.2, final, 0.25], "seconds": 8.0},
        {"epochs": 2, "seed": 0, "history": [0.1, 0.2], "seconds": 2.0},
    ]
    return json.dumps({"macs": macs, "runs": runs})


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(row(*item) + "\n" for item in FINALS))
    return read_pool(path)


def test_a_search_without_stops_is_a_pool(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.log")
    for macs, final in FINALS:
        trial = study.ask()
        history = [0.1, 0.2, final, 0.25]
        note_costs(trial, {"macs": macs, "parameters": 10})
        note_outcome(trial, "trained", metric=final, history=history, seconds=8.0, epochs=4)
        study.tell(trial, [macs, final])
    found = pool_of_search(tmp_path, 0.02)
    assert [item.curve.best for item in found.networks] == [final for _, final in FINALS]
    assert [curve.number for curve in found.front] == [0, 1, 3]
    assert found.networks[0].full_epoch_s == 2.0
    assert found.networks[0].curve.seed_sd == 0.02

    stopped = study.ask()
    note_outcome(stopped, "stopped", predicted=0.2)
    study.tell(stopped, [900, 0.2])
    with pytest.raises(NasError, match="search with --stop none"):
        pool_of_search(tmp_path, 0.02)


class StopsAt:
    """Stops some networks at some epoch of the full training; 0 is the end of the short one."""

    def __init__(self, numbers: set[int], epoch: int) -> None:
        self.numbers = numbers
        self.epoch = epoch
        self.seen: list[list[int]] = []

    def should_stop(self, curve: LearningCurve, others: Sequence[LearningCurve]) -> StopVerdict:
        self.seen.append([item.number for item in others])
        stop = curve.number in self.numbers and len(curve.full) == self.epoch
        return StopVerdict(True, 0.1, 0.1) if stop else GO_ON


def test_pool_is_read_with_the_first_seed(pool: Pool) -> None:
    first = pool.networks[0]
    seed_sd = sqrt(sum((0.9 - final) ** 2 / 2 for _, final in FINALS) / 4)
    full = (0.1, 0.2, 0.3, 0.25)
    assert first.curve == LearningCurve(
        0, 100, full, (0.1, 0.2), finished=True, seed_sd=pytest.approx(seed_sd)
    )
    assert (first.short_epoch_s, first.full_epoch_s, pool.epochs) == (1.0, 2.0, 4)
    assert [curve.number for curve in pool.front] == [0, 1, 3]


def test_hypervolume_by_hand(pool: Pool) -> None:
    edge = log(800 * BEYOND)
    whole = (edge - log(200)) * 0.2 + (edge - log(800)) * 0.1  # above the worst final, 0.3
    assert pool.hypervolume() == pytest.approx(whole)
    some = [pool.networks[3].curve, LearningCurve(1, 200, (0.5,))]  # what was stopped adds nothing
    assert pool.hypervolume(some) == pytest.approx((edge - log(800)) * 0.3)


def test_a_replay_counts_epochs_and_seconds_of_both_trainings(pool: Pool) -> None:
    none = replay(pool, [0, 1, 2, 3], NeverStop(), short=False)
    assert [step.epochs for step in none.steps] == [4, 8, 12, 16]
    assert none.steps[-1].seconds == 32.0
    assert none.epochs_to(pool.hypervolume()) == 16
    assert none.stopped == ()
    short = replay(pool, [2, 0, 1, 3], StopsAt({2}, 0), short=True)
    assert [step.epochs for step in short.steps] == [2, 8, 14, 20]
    assert short.steps[-1].seconds == 2.0 + 3 * 10.0
    late = replay(pool, [0, 1, 2, 3], StopsAt({3}, 3), short=False)
    assert late.steps[-1].epochs == 15
    assert [curve.number for curve in late.stopped] == [3]
    assert late.epochs_to(pool.hypervolume()) == float("inf")
    assert late.seconds_to(0.8 * pool.hypervolume()) == 16.0


def test_the_rule_is_asked_as_in_a_search(pool: Pool) -> None:
    rule = StopsAt(set(), 0)
    replay(pool, [1, 0], rule, short=False)
    assert rule.seen == [[]] * 3 + [[1]] * 3  # after each epoch but the last
    rule = StopsAt(set(), 0)
    replay(pool, [1, 0], rule, short=True)
    assert rule.seen == [[]] * 4 + [[1]] * 4


def test_orders_hold_every_network_once(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(row(100 + n, 0.3 + 0.002 * (7 * n % 40)) + "\n" for n in range(40)))
    pool = read_pool(path)
    for order in ORDERS.values():
        assert sorted(order(pool, 3)) == list(range(40))
        assert order(pool, 3) == order(pool, 3) != order(pool, 4)
    later = [guided_order(pool, seed)[FIRST_AT_RANDOM:] for seed in range(10)]
    best = [[pool.networks[number].curve.best for number in numbers] for numbers in later]
    assert sum(sum(item[:10]) for item in best) > sum(sum(item[-10:]) for item in best)


def test_the_table_names_what_was_lost(pool: Pool) -> None:
    arms = [Arm("bad", StopsAt({3}, 2), short=False), Arm("good", StopsAt({2}, 1), short=False)]
    text = compare(pool, arms, "random", 5)
    _, bad, good = text.splitlines()
    assert bad.endswith("5 in 5 seeds: network 3 5x")
    assert " 1.14x" in bad
    assert good.endswith("100.0%  0 in 5 seeds")
    assert " 1.23x" in good
