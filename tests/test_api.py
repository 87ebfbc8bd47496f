"""`import nas`: what the command line does, typed as a person would."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import nas
from tests.cli.conftest import architecture_file, invoke, photos, run
from tests.search.conftest import pictures, put_workers_here

__all__ = ["architecture_file", "photos", "pictures", "run"]

ROOT = Path(__file__).parents[1]
SPACE = """
name: few
input: {channels: 3, height: 8, width: 8}
classes: 3
layers:
  - {name: stem, block: Conv, out: [4, 8, 12], kernel: [1, 3], stride: 2}
  - {name: gap, block: GlobalAvgPool}
search: {trials: 2, sampler: nsga2, stop: none, finalists: 0, seed: 4}
training: {epochs: 1, batch_size: 16}
score: macs
"""
RECIPE = nas.TrainingSpec(epochs=8, batch_size=16, learning_rate=0.02)
"""What the run of the fixture was trained with, on the command line."""


def test_every_name_is_there_is_listed_and_says_what_it_does() -> None:
    assert set(nas.__all__) <= set(dir(nas))
    for name in nas.__all__:
        assert getattr(nas, name).__doc__, name
    assert nas.__version__ == version("compact-nas")
    wrong = "run_serach"
    with pytest.raises(AttributeError, match="no attribute 'run_serach'"):
        getattr(nas, wrong)


def test_importing_nas_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import nas; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"nas"} <= roots
    assert roots - set(sys.stdlib_module_names) == {"nas"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nas.TrainingSpec(epochs=-1), "TrainingSpec.epochs: -1 is not allowed: should be"),
        (lambda: nas.TrainingSpec(epoch=3), "no key 'epoch' here; did you mean 'epochs'?"),
        (
            lambda: nas.TrainingSpec(pseudo_labelling={"round": 3}),
            "TrainingSpec.pseudo_labelling.round: no key 'round' here; did you mean 'rounds'?",
        ),
        (lambda: nas.SearchSettings(search={"trials": 0}), "SearchSettings.search.trials: 0 is"),
    ],
)
def test_settings_that_are_not_allowed_are_told(make: Callable[[], object], said: str) -> None:
    with pytest.raises(nas.NasError) as caught:
        make()
    assert said in str(caught.value)


def test_a_run_whose_folder_is_not_unicode_is_used(run: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xe4n"))
    shutil.copytree(run, odd)
    said: list[str] = []
    assert nas.evaluate(odd, say=said.append).as_json() == nas.evaluate(run, say=print).as_json()


def test_training_is_that_of_the_command(
    run: Path, photos: Path, architecture_file: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        result = nas.run_training(
            architecture_file,
            data=photos,
            training=RECIPE,
            out=tmp_path / "run",
            device="cpu",
            threads=1,
            say=said.append,
        )
        assert torch.get_num_threads() == 2  # one core was used in training alone
    finally:
        torch.set_num_threads(threads)
    weights = (result.folder / "model.safetensors").read_bytes()
    assert weights == (run / "model.safetensors").read_bytes()
    assert "\n".join(said) + "\n" == (result.folder / "log.txt").read_text()
    assert (result.folder / "training.yaml").read_text() == (run / "training.yaml").read_text()
    values = json.loads((run / "metrics.json").read_text())
    assert result.test.with_intervals() == values["test"]
    assert result.validation.with_intervals() == values["validation"]
    assert (result.macs, result.parameters) == (values["macs"], values["parameters"])
    assert (result.epochs, result.best_epoch) == (8, values["best_epoch"])
    assert result.architecture == nas.load_architecture(result.folder / "architecture.yaml")
    with pytest.raises(nas.NasError, match="this run is finished"):
        nas.resume_training(result.folder)


def test_what_can_t_be_trained_leaves_no_folder(architecture_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(nas.NasError, match="--fold: the image task has no fold 1"):
        nas.run_training(architecture_file, fold=1, out=out)
    with pytest.raises(nas.NasError, match=r"begin\.weights: nobody publishes weights of"):
        nas.run_training(architecture_file, pretrained=True, out=out)
    with pytest.raises(nas.NasError, match="no device 'gpu'"):
        nas.run_training(architecture_file, device="gpu", out=out)
    assert not out.exists()


def test_a_run_is_measured_as_its_training_did(run: Path, photos: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    found = nas.evaluate(run, device="cpu")
    assert found.as_json() == {"split": "test", "data": str(photos), **values["test"]}
    loaded = nas.load_trained(run)
    assert nas.evaluate(loaded, photos).metrics.primary == found.metrics.primary
    validation = nas.evaluate(loaded, split="validation").metrics
    assert validation.with_intervals() == values["validation"]
    assert nas.evaluate([run, run], device="cpu").metrics.primary == found.metrics.primary


def test_files_and_folders_are_predicted_in_order(run: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    first = photos / "test" / "red" / "00.jpg"
    folder = photos / "test" / "green"
    predictions = list(nas.predict(run, [first, folder, tmp_path / "broken.jpg"], device="cpu"))
    assert [item.file for item in predictions] == [
        *map(str, [first, *sorted(folder.glob("*.jpg")), tmp_path / "broken.jpg"])
    ]
    assert [item.error is None for item in predictions] == [True] * 8 + [False]
    classes = [item.values["class"] for item in predictions[:-1]]
    assert classes.count("green") > 4
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(nas.NasError, match="nothing in this folder can be predicted"):
        nas.predict(run, [empty])  # before anything is predicted


def test_a_search_is_that_of_the_command(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.cli.search import search

    put_workers_here(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SPACE)
    space = nas.load_space("few.yaml")
    settings = nas.SearchSettings.for_space(
        space, data=pictures, workers=1, threads=1, device="cpu"
    )
    result = nas.run_search(space, settings, out="api", say=lambda line: None)
    flags = ("--device", "cpu", "--workers", 1, "--threads", 1)
    typed = invoke(search, "--space", "few.yaml", "--data", pictures, "--out", "cli", *flags)
    assert typed.exception is None, typed.output
    assert trials("api") == trials("cli")
    assert result.folder == Path("api")
    assert sum(record.state == "trained" for record in result.records) == 2
    with pytest.raises(nas.NasError, match="holds no search"):
        nas.resume_search(tmp_path)


def trials(folder: str) -> list[dict[str, str]]:
    """The rows of `trials.csv`, what depends on the clock left out."""
    with (Path(folder) / "trials.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: row[name] for name in row if "second" not in name} for row in rows]


def test_settings_of_a_space_are_completed_by_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SPACE)
    space = nas.load_space("few.yaml")
    settings = nas.SearchSettings.for_space(space, workers=3, threads=2, device="cpu")
    assert settings.data is None
    assert settings.search.minutes == 4  # a first look at the built-in data
    assert settings.training.loss is not None
    assert settings.training.augment is not None
    assert (settings.workers, settings.threads, settings.score) == (3, 2, "macs")
    assert nas.SearchSettings.for_space(space, data=".").data == str(tmp_path)
    with pytest.raises(nas.NasError, match="--fold: the image task has no fold 1"):
        nas.SearchSettings.for_space(space, fold=1)
