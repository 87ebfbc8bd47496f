"""The command `nas search`: flags, what it says, what it refuses."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from nas.cli.search import search
from nas.errors import NasError
from nas.runs.folder import locked_run
from nas.spec.training import TrainingSpec

from ..search.conftest import pictures, put_workers_here, settings_for, write_pictures
from .conftest import invoke

SPACE = """
name: few
input: {channels: 3, height: 8, width: 8}
classes: 3
layers:
  - {name: stem, block: Conv, out: [4, 8, 12], kernel: [1, 3], stride: 2}
  - {name: gap, block: GlobalAvgPool}
budget: {max_macs: 1M, min_macro_f1: 0.1}
search: {trials: 2, sampler: nsga2, stop: none, finalists: 0, seed: 4}
training: {epochs: 1, batch_size: 16}
score: macs
"""
FAST = ("--device", "cpu", "--workers", 1, "--threads", 1)

__all__ = ["pictures", "settings_for", "write_pictures"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a space in it."""
    put_workers_here(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SPACE)
    return tmp_path


def problem(result: Result) -> str:
    assert isinstance(result.exception, NasError), result.output
    return str(result.exception)


def test_search_says_what_it_does(pictures: Path) -> None:
    result = invoke(search, "--space", "few.yaml", "--data", pictures, *FAST)
    assert result.exception is None, result.output
    lines = result.output.splitlines()
    assert lines[0] == f"Searching on {pictures}."
    assert "\x1b" not in result.output
    told = [number for number, line in enumerate(lines) if " MACs  macro-F1 " in line]
    assert [lines[number].split(", ")[2] for number in told] == ["1/2 trained", "2/2 trained"]
    table = lines.index(next(line for line in lines if "architecture" in line))
    assert max(told) < table
    assert "next: nas train --arch runs/few/best.yaml" in result.output
    assert Path("runs/few/trials.csv").is_file()


def test_runs_are_numbered_and_taken_folders_refused(pictures: Path) -> None:
    for _ in range(2):
        assert not invoke(search, "--space", "few.yaml", "--data", pictures, *FAST).exception
    assert sorted(os.listdir("runs")) == ["few", "few-2"]
    result = invoke(search, "--space", "few.yaml", "--data", pictures, "--out", "runs/few", *FAST)
    assert "exists already" in problem(result)


def test_flags_override_the_space(pictures: Path) -> None:
    result = invoke(
        search, "--space", "few.yaml", "--data", pictures, "--out", "my run", "--trials", 1,
        "--minutes", 5, "--epochs", 2, "--batch-size", 8, "--learning-rate", 0.01,
        "--max-macs", "2M", "--max-params", "1k", "--min-macro-f1", 0.2, "--score", "parameters",
        "--sampler", "known_cost", "--seed", 9, "--per-second", "--stop", "asha",
        "--short-epochs", 0, "--inherit", "--finalists", 1, "--final-seeds", 3,
        "--final-epochs", 4, "--objectives", "parameters,metric", *FAST,
    )  # fmt: skip
    assert result.exception is None, result.output
    assert "note: --min-macro-f1 is now --min-metric\n" in result.stderr
    kept = yaml.safe_load(Path("my run/settings.yaml").read_text())
    assert kept["search"] == {
        "trials": 1, "minutes": 5.0, "sampler": "known_cost", "per_second": True, "stop": "asha",
        "short_epochs": 0, "inherit": True, "evaluate": "trained", "shared_epochs": None,
        "finalists": 1, "final_seeds": 3, "final_epochs": 4,
        "seed": 9, "objectives": ["parameters", "metric"],
    }  # fmt: skip
    assert kept["budget"] == {"max_macs": 2_000_000, "max_params": 1_000, "min_metric": 0.2}
    assert kept["training"]["epochs"] == 2
    assert kept["training"]["batch_size"] == 8
    assert kept["training"]["learning_rate"] == 0.01
    assert kept["training"]["seed"] == 9
    assert kept["score"] == "parameters"
    assert "nas train --arch 'my run/best.yaml'" in result.output


def test_another_input_and_no_turning_stand_in_the_runs_own_space(pictures: Path) -> None:
    flags = ("--input", "1x6x10", "--no-turn", "--out", "other")
    result = invoke(search, "--space", "few.yaml", "--data", pictures, *flags, *FAST)
    assert result.exception is None, result.output
    best = yaml.safe_load(Path("other/best.yaml").read_text())
    assert best["input"] == {"channels": 1, "height": 6, "width": 10}
    assert best["preprocess"]["turn_portrait"] is False
    kept = yaml.safe_load(Path("other/space.yaml").read_text())
    assert kept["input"] == best["input"]
    assert kept["layers"] == yaml.safe_load(SPACE)["layers"]


def test_what_is_not_given_comes_from_the_space(pictures: Path) -> None:
    invoke(search, "--space", "few.yaml", "--data", pictures, "--out", "run", *FAST)
    kept = yaml.safe_load(Path("run/settings.yaml").read_text())
    assert kept["search"] == {
        "trials": 2, "minutes": None, "sampler": "nsga2", "per_second": False, "stop": "none",
        "short_epochs": 0, "inherit": False, "evaluate": "trained", "shared_epochs": None,
        "finalists": 0, "final_seeds": 2,
        "final_epochs": None, "seed": 4, "objectives": ["macs", "metric"],
    }  # fmt: skip
    assert kept["budget"] == {"max_macs": 1_000_000, "max_params": None, "min_metric": 0.1}
    assert kept["score"] == "macs"
    assert kept["training"]["seed"] == 0


def test_built_in_data(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke(search, "--space", "few.yaml", "--trials", 1, "--out", "run", *FAST)
    assert result.exception is None, result.output
    assert result.output.startswith("No --data: searching on scikit-learn's handwritten digits")
    best = yaml.safe_load(Path("run/best.yaml").read_text())
    assert len(best["classes"]) == 10
    assert best["provenance"]["data"] == "scikit-learn's handwritten digits"
    kept = yaml.safe_load(Path("run/settings.yaml").read_text())
    assert kept["search"]["minutes"] == 4
    assert kept["training"]["augment"]["flip"] is False  # a mirrored digit is no digit


def test_another_task_takes_the_space_where_its_members_serve() -> None:
    flags = ("--task", "multilabel", "--input", "1x16x16", "--trials", 1, "--out", "labels")
    result = invoke(search, "--space", "few.yaml", *flags, *FAST)
    assert result.exception is None, result.output
    assert yaml.safe_load(Path("labels/best.yaml").read_text())["task"] == "multilabel"
    resumed = invoke(search, "--resume", "labels", "--trials", 2)
    assert resumed.exception is None, resumed.output


def test_a_search_goes_on_with_the_same_files_only(tmp_path: Path) -> None:
    data = write_pictures(tmp_path / "data", 3, train=8, validation=0)
    flags = ("--space", "few.yaml", "--data", data, "--out", "run")
    assert invoke(search, *flags, *FAST).exception is None
    best = yaml.safe_load(Path("run/best.yaml").read_text())
    assert len(best["provenance"]["split_digest"]) == 16
    resumed = ("--resume", "run", "--trials", 3)
    assert invoke(search, *resumed).exception is None
    picture = next(path for path in data.rglob("*.png"))
    shutil.copy(picture, picture.with_name("zzz.png"))
    assert "files came or went" in problem(invoke(search, "--resume", "run", "--trials", 4))


def test_a_search_without_its_journal_is_not_begun_anew(pictures: Path) -> None:
    invoke(search, "--space", "few.yaml", "--data", pictures, "--out", "run", *FAST)
    Path("run/study.log").unlink()
    assert "study.log is gone" in problem(invoke(search, "--resume", "run", "--trials", 9))
    assert len(Path("run/trials.csv").read_text().splitlines()) >= 3


def test_resume_from_another_folder(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relative = os.path.relpath(pictures)
    invoke(search, "--space", "few.yaml", "--data", relative, "--out", "run", *FAST)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    result = invoke(search, "--resume", "../run", "--trials", 3, "--minutes", 9, "--workers", 1)
    assert result.exception is None, result.output
    kept = yaml.safe_load(Path("../run/settings.yaml").read_text())
    assert kept["search"]["trials"] == 3
    assert kept["search"]["minutes"] == 9
    assert kept["data"] == str(pictures)


def test_finish_trains_finalists_or_none(pictures: Path) -> None:
    begun = ("--space", "few.yaml", "--data", pictures, "--trials", 2, "--finalists", 1, *FAST)
    assert invoke(search, *begun, "--minutes", 1e-9).exception is not None  # no time for any
    failed = problem(invoke(search, "--finish", "runs/few", "--finalists", 0))
    assert "0 of 2 networks were trained" in failed
    assert invoke(search, "--resume", "runs/few", "--minutes", 10).exception is None
    Path("runs/few/best.yaml").unlink()
    done = invoke(search, "--finish", "runs/few", "--finalists", 0)
    assert done.exception is None, done.output
    assert "\nBest: trial " in done.output
    assert Path("runs/few/best.yaml").is_file()
    with locked_run(Path("runs/few")):
        told = invoke(search, "--finish", "runs/few")
    assert told.exit_code == 0
    assert told.output.startswith("The search that runs in runs/few was told to finish")
    assert "leave out --trials" in problem(invoke(search, "--finish", "runs/few", "--trials", 3))


def test_help_tells_the_defaults_of_training() -> None:
    text = " ".join(invoke(search, "--help").output.split())
    for name in ("epochs", "batch_size", "learning_rate"):
        default = TrainingSpec.model_fields[name].default
        words = text.partition(f"--{name.replace('_', '-')} ")[2].partition(" --")[0]
        assert f"[default: {default}" in words, words


@pytest.mark.parametrize(
    "flag",
    [
        ("--epochs", 3), ("--seed", 0), ("--max-macs", "1M"), ("--data", "x"),
        ("--space", "few.yaml"), ("--out", "x"), ("--score", "macs"), ("--sampler", "tpe"),
        ("--strict",), ("--groups", "x"), ("--min-metric", 0), ("--batch-size", 8),
        ("--learning-rate", 1), ("--max-params", 1), ("--stop", "none"), ("--per-second",),
        ("--inherit",), ("--short-epochs", 0), ("--finalists", 0), ("--final-seeds", 2),
        ("--final-epochs", 3), ("--no-turn",),
    ],
)  # fmt: skip
def test_resume_refuses_fixed_flags(flag: tuple[object, ...]) -> None:
    assert f"leave out {flag[0]}" in problem(invoke(search, "--resume", "run", *flag))


@pytest.mark.parametrize(
    "flag",
    [
        ("--learning-rate", "nan"), ("--learning-rate", "inf"), ("--minutes", "inf"),
        ("--hours", "inf"), ("--hours", "nan"), ("--short-epochs", 10**6), ("--finalists", 10**4),
        ("--final-seeds", 10**4), ("--final-epochs", 10**6),
        ("--trials", 10**9), ("--epochs", 10**9), ("--workers", 10**6), ("--min-metric", "nan"),
    ],
)  # fmt: skip
def test_values_out_of_range_are_wrong_usage_of_their_flag(
    flag: tuple[object, ...], pictures: Path
) -> None:
    result = invoke(search, "--space", "few.yaml", "--data", pictures, "--out", "run", *flag)
    assert result.exit_code == 2
    assert f"Invalid value for '{flag[0]}'" in result.output
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "flag", [("--max-macs", "lots"), ("--max-params", "-1"), ("--device", "abacus")]
)
def test_wrong_values_name_their_flag(flag: tuple[object, ...], pictures: Path) -> None:
    result = invoke(search, "--space", "few.yaml", "--data", pictures, "--out", "run", *flag)
    assert str(flag[0]) in problem(result)
    assert not Path("run").exists()


def test_hours_are_sixty_minutes(pictures: Path) -> None:
    flags = ("--space", "few.yaml", "--data", pictures, "--out", "run")
    both = problem(invoke(search, *flags, "--hours", 1, "--minutes", 1))
    assert "--hours" in both
    assert "--minutes" in both
    assert not Path("run").exists()
    assert not invoke(search, *flags, "--hours", 0.5, *FAST).exception
    assert yaml.safe_load(Path("run/settings.yaml").read_text())["search"]["minutes"] == 30
    assert not invoke(search, "--resume", "run", "--hours", 2, "--trials", 3).exception
    assert yaml.safe_load(Path("run/settings.yaml").read_text())["search"]["minutes"] == 120


def test_only_known_cost_weighs_seconds(pictures: Path) -> None:
    flags = ("--space", "few.yaml", "--data", pictures, "--out", "run", "--per-second")
    assert "--per-second: the sampler nsga2" in problem(invoke(search, *flags, *FAST))
    assert not Path("run").exists()


def test_the_default_sampler_knows_the_cost(pictures: Path) -> None:
    text = SPACE.replace("sampler: nsga2, ", "").replace("max_macs: 1M", "max_macs: 4k")
    Path("cheap.yaml").write_text(text)
    result = invoke(search, "--space", "cheap.yaml", "--data", pictures, "--out", "run", *FAST)
    assert result.exception is None, result.output
    kept = yaml.safe_load(Path("run/settings.yaml").read_text())
    assert kept["search"]["sampler"] == "known_cost"
    assert "over_budget" not in Path("run/trials.csv").read_text()


def test_wrong_score_and_missing_space() -> None:
    assert "macros" in problem(invoke(search, "--space", "few.yaml", "--score", "macros"))
    assert "--space" in problem(invoke(search))
