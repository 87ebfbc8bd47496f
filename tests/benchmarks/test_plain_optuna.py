"""The script written by hand, on a few pictures, and the comparison of what it found."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.equal_time import main as equal_time
from benchmarks.plain_optuna import main as plain_optuna
from benchmarks.wall_clock.arms import Arm, ArmRun, Terms
from nas.macs.architecture import count_architecture
from nas.spec.architecture import parse_architecture

SPACE = """
name: small
input: {channels: 3, height: 8, width: 12}
classes: 3
layers:
  - {name: stem, block: Conv, out: [4, 8, 64], kernel: 3, stride: 2}
  - {name: gap, block: GlobalAvgPool}
training: {batch_size: 16}
"""
MAX_MACS = 20_000
"""Two of three networks."""


def run(command: Any, *arguments: object) -> str:
    result = CliRunner().invoke(command, [str(item) for item in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    (root / "space.yaml").write_text(SPACE)
    generator = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4), ("test", 4)):
        for number in range(3):
            folder = root / split / f"class{number}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, (16, 10, 3), dtype=np.uint8)
                pixels[:, :, number] //= 4
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


def searched(data: Path, folder: Path, engine: str) -> list[dict[str, Any]]:
    flags = ("--minutes", 0.08, "--epochs", 2, "--max-macs", MAX_MACS, "--engine", engine)
    run(plain_optuna, "--data", data, "--space", data / "space.yaml", "--out", folder, *flags)
    return [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["usual", "ours"])
def test_it_trains_what_is_within_the_budget(data: Path, tmp_path: Path, engine: str) -> None:
    lines = searched(data, tmp_path / "out", engine)
    assert {line["state"] for line in lines} == {"trained", "over_budget"}
    assert [line["number"] for line in lines] == list(range(len(lines)))
    for line in lines:
        architecture = parse_architecture(line["architecture"], tmp_path)
        assert count_architecture(architecture).total == line["macs"]
        assert (line["state"] == "trained") == (line["macs"] <= MAX_MACS)
        assert len(line["history"]) == (2 if line["state"] == "trained" else 0)
        assert line["macro_f1"] == max(line["history"], default=None)
    hashes = [line["architecture_hash"] for line in lines if line["state"] == "trained"]
    assert len(hashes) > len(set(hashes)), "repeats are trained again"
    ends = [line["elapsed_s"] for line in lines]
    assert ends == sorted(ends)


@pytest.mark.slow
def test_two_searches_are_compared_and_their_best_trained_again(data: Path, tmp_path: Path) -> None:
    terms = Terms(
        str(data), str(data / "space.yaml"), 1.0, epochs=2, max_macs=MAX_MACS, cores_each=1,
        our_flags="",
    )  # fmt: skip
    arms: tuple[Arm, ...] = ("plain", "plain-our-engine")
    for arm in arms:
        folder = tmp_path / f"{arm}-seed0"
        lines = searched(data, folder / "search", "usual" if arm == "plain" else "ours")
        start = lines[0]["ended_at"] - lines[0]["elapsed_s"]
        ArmRun(folder, arm, 0, terms, start, (0,), start + 60, 3.0).write()
    limits = ("--limit", "10k", "--limit", "20k")
    run(equal_time, "retrain", tmp_path, "--times", 2, "--workers", 1, *limits)
    text = run(equal_time, "report", tmp_path, *limits)
    assert "Hypervolume (decades of MACs below 20.0 k" in text
    assert "Mean validation macro-F1 of 2 more trainings" in text
    assert "Mean test" not in text
    made = run(equal_time, "retrain", tmp_path, "--times", 2, "--workers", 1, *limits)
    assert made.endswith("0 trainings to make\n")
    run(equal_time, "retrain", tmp_path, "--times", 1, "--workers", 1, "--test", *limits)
    assert "Mean test macro-F1" in run(equal_time, "report", tmp_path, *limits)
