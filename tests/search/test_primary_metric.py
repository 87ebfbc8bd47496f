"""Searches of tasks with another primary metric than macro-F1: what they write and refuse."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from matplotlib.axes import Axes

from nas.cli.space import space as space_command
from nas.errors import NasError
from nas.report.progress import SearchProgress
from nas.search.choice import as_measured, check_score, choose
from nas.search.objective import Objectives
from nas.search.run import resume_search, run_search
from nas.search.settings import SearchSettings, read_settings
from nas.spec.budget import BudgetSpec
from nas.spec.score import FIRST_METRICS
from nas.spec.search import SearchSpec
from nas.spec.space import parse_space
from nas.spec.training import TrainingSpec
from nas.tasks.registry import TASKS
from tests.runs.trials_csv import read_trials_csv

from ..cli.conftest import invoke
from ..train.conftest import PointTask
from .conftest import put_workers_here
from .test_choice import record

SPACE = """\
name: detectors
task: detection-points
input: {channels: 3, height: 4, width: 4}
classes: 3
layers:
  - {name: stem, block: Conv, out: [4, 8, 12, 16], kernel: [1, 3]}
  - {name: gap, block: GlobalAvgPool}
training: {epochs: 1, batch_size: 16}
"""
SETTINGS = SearchSettings(
    search=SearchSpec(trials=3, sampler="random", finalists=1, final_seeds=1),
    training=TrainingSpec(epochs=1, batch_size=16, sampler="softened"),
    budget=BudgetSpec(min_metric=0.001),
    score="macs / 1e6 - f1_50",
    device="cpu",
)


class DetectionPoints(PointTask):
    name: ClassVar[str] = "detection-points"
    primary_metric: ClassVar[str] = "f1_50"


@pytest.fixture(scope="module", autouse=True)
def task() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS._tasks, DetectionPoints.name, DetectionPoints())
        yield


@dataclass(frozen=True)
class Run:
    """What a search left and said."""

    folder: Path
    said: tuple[str, ...]
    labels: tuple[str, ...]
    """Of the vertical axes of its pictures."""
    progress: tuple[str, ...]


@pytest.fixture(scope="module")
def run(task: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    said: list[str] = []
    labels: list[str] = []
    progress: list[str] = []
    set_ylabel = Axes.set_ylabel

    def spy(axes: Axes, text: str, **style: Any) -> Any:
        labels.append(text)
        return set_ylabel(axes, text, **style)

    with pytest.MonkeyPatch.context() as patch:
        put_workers_here(patch)
        patch.setattr(Axes, "set_ylabel", spy)
        patch.setattr(SearchProgress, "_print", lambda _, line: progress.append(line))
        run_search(parse_space(SPACE), SETTINGS, out=folder, say=said.append)
    return Run(folder, tuple(said), tuple(labels), tuple(progress))


def test_tables_have_columns_of_its_name(run: Run) -> None:
    heads = [
        (run.folder / name).read_text().splitlines()[0] for name in ("trials.csv", "finalists.csv")
    ]
    assert heads == [
        "number,state,macs,parameters,f1_50,architecture_hash,seconds,reason,predicted_f1_50,epochs",
        "trial,seed,state,macs,f1_50,f1_50_sd,accuracy,epochs,seconds,reason,history",
    ]
    records = read_trials_csv(run.folder / "trials.csv", "f1_50")
    assert all(item.metric is not None for item in records if item.state == "trained")


def test_provenance_has_keys_of_its_name(run: Run) -> None:
    origin = yaml.safe_load((run.folder / "best.yaml").read_text())["provenance"]
    named = {key for key in origin if "f1" in key}
    assert named == {
        "validation_f1_50", "f1_50_mean", "f1_50_at_least", "f1_50_seeds",
        "f1_50_validation_sd", "f1_50_seed_sd",
    }  # fmt: skip
    with (run.folder / "trials.csv").open(newline="") as stream:
        rows = {row["number"]: row for row in csv.DictReader(stream)}
    assert float(rows[str(origin["trial"])]["f1_50"]) == origin["validation_f1_50"]


def test_page_pictures_and_lines_call_it_by_its_title(run: Run) -> None:
    page = (run.folder / "report.html").read_text()
    assert "F1 at IoU 0.5" in page
    assert "macro-F1" not in page
    assert "macro_f1" not in page
    assert "of those that surely reach an F1 at IoU 0.5 of 0.001" in page
    metrics = {text for text in run.labels if text.startswith("validation")}
    assert metrics == {"validation F1 at IoU 0.5"}
    assert len(run.progress) == 3
    assert all(" MACs  F1 at IoU 0.5 0." in line for line in run.progress)
    again = [line for line in run.said if "when it was found" in line]
    assert len(again) == 1
    assert "seed 1  F1 at IoU 0.5 0." in again[0]


def test_it_goes_on_with_a_floor_under_the_older_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = run.folder / "settings.yaml"
    text = file.read_text()
    assert "min_metric: 0.001" in text
    file.write_text(text.replace("min_metric", "min_macro_f1"))
    assert read_settings(run.folder) == SETTINGS
    put_workers_here(monkeypatch)
    resume_search(run.folder, say=lambda _: None)
    assert file.read_text() == text


@pytest.mark.parametrize("score", ["pstage4", "most_accurate", "macs - metric", "macs - f1_50"])
def test_scores_of_its_own_have_a_value(score: str) -> None:
    front = [record(0, 10, 0.3), record(1, 100, 0.6)]
    choice = choose(front, as_measured(front), BudgetSpec(), score, objectives=Objectives("f1_50"))
    assert choice is not None
    assert f"its score {score} is the lowest" in choice.because


def test_a_score_of_another_tasks_metric_is_refused_at_its_place(tmp_path: Path) -> None:
    text = f"{SPACE}score: macs / 1e7 - macro_f1\n"
    wrong = parse_space(text, "wrong.yaml")
    told = (
        "wrong.yaml:9 score: 'macro_f1' is not measured by the task detection-points; its primary "
        "metric is f1_50, also called metric"
    )
    with pytest.raises(NasError) as caught:
        run_search(wrong, SETTINGS.model_copy(update={"score": wrong.score}), out=tmp_path / "run")
    assert str(caught.value) == told
    assert not (tmp_path / "run").exists()
    (tmp_path / "wrong.yaml").write_text(text)
    result = invoke(space_command, "check", tmp_path / "wrong.yaml")
    assert isinstance(result.exception, NasError)
    assert str(result.exception).endswith(told)


def test_a_score_that_is_not_the_files_own_is_refused_under_its_flag(tmp_path: Path) -> None:
    for metric in ("macro_f1", "accuracy"):
        settings = SETTINGS.model_copy(update={"score": f"-{metric}"})
        with pytest.raises(NasError, match=rf"^--score: '{metric}' is not measured by"):
            run_search(parse_space(SPACE), settings, out=tmp_path / "run")


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_score_may_name_what_the_task_measures(name: str) -> None:
    space = parse_space(SPACE.replace("detection-points", name))
    check_score(space, f"-{TASKS[name].primary_metric}")
    if TASKS[name].measures_accuracy:
        check_score(space, "-accuracy")


@pytest.mark.parametrize("name", sorted(TASKS))
def test_scores_know_the_primary_metric_of_every_task(name: str) -> None:
    assert TASKS[name].primary_metric in FIRST_METRICS
