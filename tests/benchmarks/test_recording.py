"""Curves are recorded as a search would train the networks."""

import json
from pathlib import Path

import torch

from benchmarks.early_stopping.pool import read_pool
from benchmarks.early_stopping.recording import draw_spread, record
from nas.macs.architecture import count_architecture
from nas.model.identity import architecture_hash
from nas.spec.space import parse_space
from tests.search.conftest import SPACE, write_pictures


def test_recorded_networks_make_a_pool(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    space = parse_space(SPACE.replace("epochs: 1", "epochs: 3"))
    path = tmp_path / "pool.jsonl"
    data = write_pictures(tmp_path / "data", 3)
    for _ in range(2):  # the second time the same networks are added
        lines = list(record(path, space, data, count=2, seed=0, short_epochs=2))
    assert [line[:4] for line in lines] == ["1/2:", "2/2:"]
    pool = read_pool(path)
    assert [len(item.curve.full) for item in pool.networks] == [3] * 4
    assert [len(item.curve.short) for item in pool.networks] == [2] * 4
    assert pool.networks[0].curve.full == pool.networks[2].curve.full
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    runs = [[(run["epochs"], run["seed"]) for run in row["runs"]] for row in rows]
    assert runs == [[(2, 0), (3, 0), (3, 1)], [(2, 0), (3, 0)]] * 2
    assert "class2" in rows[0]["architecture"]


def test_drawn_networks_are_new_and_spread_over_macs() -> None:
    drawn = [item.architecture for item in draw_spread(parse_space(SPACE), 30, 1)]
    assert len({architecture_hash(item) for item in drawn}) == 30
    macs = sorted(count_architecture(item).total for item in drawn)
    assert macs[3] < macs[-1] / 5
    assert macs[14] < macs[-1] / 2
