"""Candidates of the comparison of short trainings, and how their recording is read."""

import json
from pathlib import Path

import numpy as np

from benchmarks.inherit import candidates, variant
from benchmarks.recorded_networks import RecordedNetwork, read_recorded
from nas.model.identity import architecture_hash, leading_hashes
from nas.spec.architecture import dump_architecture
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.trial import RandomTrial

SPACE = """
name: small
input: {channels: 3, height: 8, width: 8}
classes: 3
layers:
  - {name: a, block: Conv, out: [4, 8], stride: 2}
  - {name: b, block: Conv, out: [4, 8, 12, 16], kernel: [1, 3], repeat: {low: 1, high: 2}}
  - {name: c, block: Conv, out: {low: 4, high: 64, step: 4}}
"""


def drawn(space: SpaceSpec, seed: int) -> RecordedNetwork:
    trial = RandomTrial(np.random.default_rng(seed))
    return RecordedNetwork(space.sample(trial), trial.params, 1, 1, {})


def test_a_variant_keeps_the_frozen_layers_and_draws_the_others() -> None:
    space = parse_space(SPACE)
    donor = drawn(space, 0)
    kept = leading_hashes(donor.architecture)[:-1]
    drawn_anew = set()
    for seed in range(10):
        other = variant(space, donor, ["a", "b"], np.random.default_rng(seed))
        *leading, last = leading_hashes(other.architecture)
        assert tuple(leading) == kept
        drawn_anew.add(last)
    assert len(drawn_anew) > 5


def test_recorded_candidates_share_a_block_and_most_come_first() -> None:
    space = parse_space(SPACE)
    networks = [drawn(space, seed) for seed in range(30)]
    found = list(candidates(networks, networks[:1], space, recorded=5, variants=0, frozen=[]))
    donor = leading_hashes(networks[0].architecture)
    shared = [
        sum(a == b for a, b in zip(donor, leading_hashes(item.architecture), strict=False))
        for kind, item in found
        if kind == "recorded"
    ]
    assert len(shared) == 5
    assert shared == sorted(shared, reverse=True)
    assert shared[-1] >= 1


def test_a_recording_is_read_with_the_best_epoch_of_each_run(tmp_path: Path) -> None:
    network = drawn(parse_space(SPACE), 0)
    row = {
        "params": network.params,
        "architecture": dump_architecture(network.architecture),
        "macs": 12,
        "parameters": 34,
        "runs": [
            {"epochs": 3, "seed": 0, "history": [0.1, 0.3, 0.2]},
            {"epochs": 15, "seed": 1, "history": [0.5, 0.4]},
        ],
    }
    (tmp_path / "pool.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    first, second = read_recorded(tmp_path / "pool.jsonl")
    assert first.best == {(3, 0): 0.3, (15, 1): 0.5}
    assert (second.macs, second.parameters, second.params) == (12, 34, network.params)
    assert architecture_hash(first.architecture) == architecture_hash(network.architecture)
