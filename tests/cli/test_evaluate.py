"""`nas evaluate`: the same figures as training gave, and clear refusals."""

import json
import shutil
from pathlib import Path

import pytest

from nas.cli.evaluate import evaluate
from nas.cli.train import train
from tests.cli.conftest import error_of, invoke, write_photos


@pytest.mark.parametrize("split", ["validation", "test"])
def test_gives_what_training_gave(run: Path, split: str) -> None:
    trained = json.loads((run / "metrics.json").read_text())[split]
    result = invoke(evaluate, run, "--split", split, "--json")
    values = json.loads(result.output)
    assert values == {"split": split, "data": values["data"], **trained}


def test_prints_the_table_and_the_interval(run: Path) -> None:
    output = invoke(evaluate, run).output
    assert output.splitlines()[0].startswith("class ")
    assert "test macro-F1" in output
    assert "95 % interval" in output


def test_other_data_with_other_classes_are_refused(run: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "data", {"train": 6})
    (tmp_path / "data" / "train" / "red").rename(tmp_path / "data" / "train" / "rouge")
    error = error_of(evaluate, run, "--data", tmp_path / "data")
    assert "rouge" in error
    assert "red" in error


def test_other_data_with_the_same_classes(run: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "data", {"train": 6, "test": 4}, seed=9)
    values = json.loads(invoke(evaluate, run, "--data", tmp_path / "data", "--json").output)
    assert values["samples"] == 12


@pytest.mark.parametrize("name", ["architecture.yaml", "model.safetensors"])
def test_a_folder_that_is_not_whole_is_named(run: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(run, tmp_path / "copy")
    file = tmp_path / "copy" / name
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert name in error_of(evaluate, tmp_path / "copy")
    file.unlink()
    assert name in error_of(evaluate, tmp_path / "copy")
    assert "no such folder" in error_of(evaluate, tmp_path / "nowhere")


def test_weights_of_another_architecture_are_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    file = tmp_path / "copy" / "architecture.yaml"
    file.write_text(file.read_text().replace("out: 8", "out: 12"))
    assert "weights of another architecture" in error_of(evaluate, tmp_path / "copy")


def test_the_mean_of_a_run_with_itself_is_the_run(run: Path) -> None:
    alone = json.loads(invoke(evaluate, run, "--json").output)
    assert json.loads(invoke(evaluate, run, "--with", run, "--json").output) == alone


def test_networks_of_other_classes_have_no_mean(
    run: Path, architecture_file: Path, tmp_path: Path
) -> None:
    result = invoke(train, "--arch", architecture_file, "--out", tmp_path / "run", "--epochs", 1)
    assert result.exception is None, result.output
    assert "differs in classes" in error_of(evaluate, run, "--with", tmp_path / "run")
