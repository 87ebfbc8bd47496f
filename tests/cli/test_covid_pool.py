"""Folds pooled: each image once, by the network that has not seen it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.cli.covid import covid
from nas.cli.train import train
from nas.errors import NasError
from tests.cli.conftest import invoke

STUDY = """
name: study
task: covid-study
input: {channels: 1, height: 32, width: 32}
preprocess: {kind: xray, labels: study}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4, activation: ReLU}
  - {block: GlobalAvgPool}
"""
DETECTOR = """
name: detector
task: covid-detection
input: {channels: 1, height: 64, width: 64}
preprocess: {kind: xray, labels: boxes}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4, activation: ReLU}
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
neck: {block: FPN, out: 8}
head: detection
"""
Trainer = Callable[..., Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """Trains an architecture for one epoch on a fold; the same is trained once."""
    root, done = tmp_path_factory.mktemp("folds"), {}

    def run(text: str, fold: int, *flags: object) -> Path:
        key = (text, fold, flags)
        if key not in done:
            file = root / f"{len(done)}.yaml"
            file.write_text(text)
            done[key] = root / f"run-{len(done)}"
            place = ("--arch", file, "--fold", fold, "--out", done[key])
            result = invoke(train, *place, "--epochs", 1, "--threads", 1, *flags)
            assert result.exit_code == 0, result.output
        return done[key]

    return run


@pytest.mark.slow
def test_studies_of_two_folds_are_those_of_both(trained: Trainer, tmp_path: Path) -> None:
    runs, out = [trained(STUDY, 1), trained(STUDY, 0)], tmp_path / "folds.json"
    result = invoke(covid, "pool", *runs, "--out", out)
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())
    assert [fold["fold"] for fold in found["folds"]] == [0, 1]
    assert not found["complete"]
    tests = [json.loads((run / "metrics.json").read_text())["test"] for run in reversed(runs)]
    assert [fold["test"]["confusion"] for fold in found["folds"]] == [t["confusion"] for t in tests]
    both = sum(np.array(test["confusion"]) for test in tests)
    np.testing.assert_array_equal(found["pooled"]["confusion"], both)
    assert found["pooled"]["patients"] == sum(test["patients"] for test in tests)
    hits, of_truth, of_choice = np.diag(both), both.sum(axis=1), both.sum(axis=0)
    by_hand = np.mean(2 * hits[of_truth > 0] / (of_truth + of_choice)[of_truth > 0])
    assert found["pooled"]["macro_f1"] == pytest.approx(by_hand)
    assert "2 folds macro-F1" in result.output


@pytest.mark.slow
def test_boxes_of_two_folds_count_by_their_own_thresholds(trained: Trainer, tmp_path: Path) -> None:
    runs, out = [trained(DETECTOR, 0), trained(DETECTOR, 1)], tmp_path / "folds.json"
    result = invoke(covid, "pool", *runs, "--out", out)
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())["pooled"]
    tests = [json.loads((run / "metrics.json").read_text())["test"] for run in runs]
    assert found["counts"] == np.sum([test["counts"] for test in tests], axis=0).tolist()
    assert found["images"] == sum(test["images"] for test in tests)
    assert found["threshold_from"] == "given by image"
    assert "own validation split" in result.output


def test_runs_that_make_no_whole_are_refused(trained: Trainer) -> None:
    first, second = trained(STUDY, 0), trained(STUDY, 1)
    others = {
        "two runs or more": [first],
        "has the test split of fold 0, and so has": [first, trained(STUDY, 0, "--seed", 1)],
        "of another task, or of other labels": [first, trained(DETECTOR, 1)],
        "of other labels": [second, trained(STUDY, 0, "--labels", "opacity")],
    }
    for words, runs in others.items():
        result = invoke(covid, "pool", *runs)
        assert isinstance(result.exception, NasError), result.output
        assert words in str(result.exception)


@pytest.mark.parametrize(
    ("seed", "words"),
    [(5, "has the test split of fold 0, and so has"), (6, "split by the seed 6, whose folds are")],
)
def test_seeds_of_one_fold_or_of_other_folds_are_refused(
    seed: int, words: str, trained: Trainer, tmp_path: Path
) -> None:
    runs, copy = [trained(STUDY, 0), trained(STUDY, 1)], tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    text = (copy / "architecture.yaml").read_text()
    assert text.count("split_seed: 0") == 1
    (copy / "architecture.yaml").write_text(text.replace("split_seed: 0", f"split_seed: {seed}"))
    given = [*runs, copy] if seed == 5 else [runs[0], copy]
    result = invoke(covid, "pool", *given)
    assert isinstance(result.exception, NasError), result.output
    assert words in str(result.exception)
    assert str(copy) in str(result.exception)
    assert str(runs[0]) in str(result.exception)


def test_each_network_is_run_once(trained: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    import nas.train.loop as loop

    runs, folded = [trained(STUDY, 0), trained(STUDY, 1)], []
    real = loop.folded_copy
    monkeypatch.setattr(loop, "folded_copy", lambda network: folded.append(1) or real(network))
    assert invoke(covid, "pool", *runs).exception is None
    assert len(folded) == len(runs)


@pytest.mark.slow
def test_it_is_said_where_the_network_was_chosen(trained: Trainer, tmp_path: Path) -> None:
    found = STUDY + "provenance: {split_seed: 0}\n"
    runs, out = [trained(found, 0), trained(found, 1)], tmp_path / "folds.json"
    says = (
        "The network was chosen on the splits of fold 0: its choice knows test images of the other "
        "folds, its weights don't."
    )
    result = invoke(covid, "pool", *runs, "--out", out)
    assert result.exit_code == 0, result.output
    assert says in result.output.splitlines()
    assert [fold["found_on"] for fold in json.loads(out.read_text())["folds"]] == [None, 0]
    plain = invoke(covid, "pool", trained(STUDY, 0), trained(STUDY, 1))
    assert "was chosen on" not in plain.output


def test_a_file_that_is_there_stays(trained: Trainer, tmp_path: Path) -> None:
    out = tmp_path / "folds.json"
    out.write_text("mine")
    result = invoke(covid, "pool", trained(STUDY, 0), trained(STUDY, 1), "--out", out)
    assert "is there already" in str(result.exception)
    assert out.read_text() == "mine"
