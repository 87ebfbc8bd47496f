"""Tables of trained networks from JSON files."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.efficiency.draws import all_members
from benchmarks.efficiency.table import load_table
from benchmarks.efficiency.true_front import true_front
from nas.errors import NasError


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "table.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_macro_networks_are_equal_when_identities_move_to_the_end_of_a_stage(
    tmp_path: Path,
) -> None:
    keys = ["".join(digits) for digits in product("012", repeat=8)]
    document = {
        key: {"mean_acc": 50 + sum(map(int, key)), "params": 3, "flops": 1 + sum(map(int, key))}
        for key in keys
    }
    problem = load_table(written(tmp_path, document))
    members = list(all_members(problem.define))
    assert len(members) == 6561
    assert len({problem.key(member) for member in members}) == 3969  # as its authors say

    def network(key: str) -> Any:
        return problem.key({f"layer{place}": int(digit) for place, digit in enumerate(key)})

    assert network("10102000") == network("10120000")
    assert network("10012000") != network("10102000")  # the first layer stays
    front = true_front(problem)
    assert front.exact
    assert front.costs.tolist() == list(range(1, 18))
    assert front.metrics == pytest.approx(0.5 + 0.01 * np.arange(17))


def test_cells_have_an_unordered_choice_an_edge(tmp_path: Path) -> None:
    entries = {
        f"|{a}~0|+|{b}~0|{c}~1|": {"accuracy": 0.5, "flops": 1.0}
        for a, b, c in product(("none", "skip_connect"), repeat=3)
    }
    members = list(all_members(load_table(written(tmp_path, entries)).define))
    assert len(members) == 8
    assert members[1] == {"edge0": "none", "edge1": "none", "edge2": "skip_connect"}


def test_a_list_has_numbers_in_order_and_names_without(tmp_path: Path) -> None:
    rows = [
        {"params": {"width": width, "kind": kind}, "accuracy": width / 100, "macs": width}
        for width in (64, 8, 16) for kind in ("b", "a")
    ]  # fmt: skip
    problem = load_table(written(tmp_path, rows[:-1]))
    members = list(all_members(problem.define))
    assert members[0] == {"width": 0, "kind": "a"}
    costs = [problem.cost(member) for member in members]
    assert costs == [8, 8, math.inf, 16, 64, 64]  # what the file lacks is no member
    assert problem.metric({"width": 2, "kind": "a"}) == 0.64
    assert true_front(problem).costs.tolist() == [8, 16, 64]


def test_noisy_observes_single_trainings(tmp_path: Path) -> None:
    document = {"0": {"mean_acc": 50, "test_acc": [40, 60], "flops": 1}}
    path, generator = written(tmp_path, document), np.random.default_rng(0)
    mean, noisy = load_table(path), load_table(path, noisy=True)
    assert {mean.observe({"layer0": 0}, generator) for _ in range(9)} == {0.5}
    assert {noisy.observe({"layer0": 0}, generator) for _ in range(9)} == {0.4, 0.6}
    assert noisy.metric({"layer0": 0}) == 0.5


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "table.json:1: no JSON"),
        ([], "table.json: expected a mapping or a list"),
        (3, "table.json: expected a mapping or a list"),
        ({"01": 5}, "table.json 01: expected a mapping, not 5"),
        ({"x1": {"accuracy": 1, "macs": 1}}, "table.json x1: expected `params`, a key of digits"),
        ({"0": {"macs": 1}}, "table.json 0: has none of accuracy, mean_acc"),
        ({"0": {"accuracy": 0.5}}, "table.json 0: has none of macs, flops, cost"),
        ({"0": {"accuracy": "high", "macs": 1}}, "table.json 0: accuracy: expected a number"),
        ({"0": {"accuracy": 0.5, "macs": 0}}, "table.json 0: a cost of 0"),
        ({"0": {"accuracy": 101, "macs": 1}}, "table.json 0: a metric of 101 %"),
        ({"0": {"accuracy": 0.5, "macs": 1}, "01": {"accuracy": 0.5, "macs": 1}}, "json 01: has"),
        ({"0": {"accuracy": 0.5, "macs": 1, "test_acc": 4}}, "json 0: expected a list of train"),
        ([{"params": {"a": [1]}, "accuracy": 0.5, "macs": 1}], r"json \[0\]: a: expected a plain"),
        ([{"params": {}, "accuracy": 0.5, "macs": 1}], r"json \[0\]: no parameters"),
        ([{"params": {"a": 1}, "accuracy": 0.5, "macs": 1}] * 2, r"json \[1\]: the same param"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_file_and_entry(
    document: Any, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(NasError, match=problem):
        load_table(written(tmp_path, document))
