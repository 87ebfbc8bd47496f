"""A search whose networks are taught: by a finished run, or by one that it trains first."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.runs.records import TrialRecord
from nas.search.run import SearchInterrupted, finish_search, resume_search, run_search
from nas.search.settings import SearchSettings
from nas.search.teacher import SOFT_TARGETS
from nas.spec.architecture import load_architecture
from nas.spec.provenance import Provenance
from nas.spec.space import parse_space
from nas.train.api import run_training
from nas.train.source import training_of
from nas.train.teacher import Teacher

from .conftest import FEW, copy_of, put_workers_here, settings_for, trials_of

TEACHER = """
name: large
input: {channels: 3, height: 16, width: 16}
layers:
  - {block: Conv, out: 24, kernel: 3, stride: 2}
  - {block: GlobalAvgPool}
"""


def taught(pictures: Path, **options: object) -> SearchSettings:
    settings = settings_for(pictures, trials=3, finalists=1, final_seeds=1)
    return settings.model_copy(update={"teacher_architecture": TEACHER, **options})


def epochs_kept(folder: Path) -> set[str]:
    return {file.stem for file in (folder / SOFT_TARGETS).glob("*/*.safetensors")}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> tuple[Path, list[int]]:
    """The folder of a finished search, and the batches that its teacher was asked for."""
    folder = tmp_path_factory.mktemp("runs") / "taught"
    asked: list[int] = []
    soft_targets = Teacher.soft_targets

    def counting(teacher, x_NCHW):
        asked.append(len(x_NCHW))
        return soft_targets(teacher, x_NCHW)

    with pytest.MonkeyPatch.context() as patch:
        put_workers_here(patch)
        patch.setattr(Teacher, "soft_targets", counting)
        run_search(parse_space(FEW), taught(pictures), out=folder, say=lambda _: None)
    return folder, asked


def test_the_teacher_is_trained_first_and_asked_once_an_epoch_and_seed(
    searched: tuple[Path, list[int]],
) -> None:
    folder, asked = searched
    assert (folder / "teacher" / "model.safetensors").exists()
    assert epochs_kept(folder) == {"1", "1000004"}  # of the search's seed, of a finalist's
    assert asked == [16, 2, 16, 2]
    records: tuple[TrialRecord, ...] = trials_of(folder)
    assert sum(item.state == "trained" for item in records) == 3


@pytest.mark.parametrize("there", [True, False])
def test_the_best_network_is_taught_on_when_it_is_trained(
    searched: tuple[Path, list[int]], tmp_path: Path, there: bool
) -> None:
    folder, _ = searched
    teacher = folder / "teacher"
    best = load_architecture(folder / "best.yaml")
    assert best.provenance.teacher == [str(teacher.resolve())]
    if not there:
        teacher = tmp_path / "gone"
        facts = best.provenance.joined(Provenance(teacher=[str(teacher)]))
        best = replace(best, provenance=facts)
    said: list[str] = []
    training = training_of(best).model_copy(update={"epochs": 1})
    run = run_training(best, training=training, out=tmp_path / "run", threads=1, say=said.append)
    taught = "Teacher: large, validation macro-F1 "
    assert any(line.startswith(taught) for line in said) == there
    says = "it teaches on (--teacher none" if there else "is not there any more: no teacher"
    [line] = [line for line in said if "was found with the teacher" in line]
    assert str(teacher) in line
    assert says in line
    assert line in (run.folder / "log.txt").read_text()
    assert load_architecture(run.folder / "architecture.yaml").provenance.teacher == (
        [str(teacher)] if there else None
    )


def test_the_finished_run_teaches_the_same(
    searched: tuple[Path, list[int]], pictures: Path, tmp_path: Path, workers_here: None
) -> None:
    folder, _ = searched
    again = taught(pictures, teacher_architecture=None, teacher=(str(folder / "teacher"),))
    said: list[str] = []
    run_search(parse_space(FEW), again, out=tmp_path / "run", say=said.append)
    assert any(line.startswith("Teacher: large, validation macro-F1 ") for line in said)
    first, second = (
        {file.name: file.read_bytes() for file in (run / SOFT_TARGETS).rglob("*.safetensors")}
        for run in (folder, tmp_path / "run")
    )
    assert first == second
    key = [(item.macs, item.metric) for item in trials_of(folder)]
    assert key == [(item.macs, item.metric) for item in trials_of(tmp_path / "run")]


@pytest.mark.slow
def test_a_search_that_was_stopped_while_its_teacher_trains_goes_on(
    pictures: Path, tmp_path: Path, workers_here: None
) -> None:
    folder = tmp_path / "run"

    def stop(line: str) -> None:
        if line.startswith("  teacher: epoch 1/"):
            raise KeyboardInterrupt

    with pytest.raises(SearchInterrupted):
        run_search(parse_space(FEW), taught(pictures), out=folder, say=stop)
    result = resume_search(folder, say=lambda _: None)
    assert result.front
    assert (folder / "teacher" / "metrics.json").exists()


def test_what_can_not_teach_is_refused_before_a_folder_is_made(
    pictures: Path, tmp_path: Path
) -> None:
    nobody = taught(pictures, teacher_architecture=None)
    for settings, message in (
        (nobody.model_copy(update={"unlabelled": str(tmp_path)}), "need a --teacher"),
        (nobody.model_copy(update={"teacher": (str(tmp_path / "none"),)}), "no such folder"),
    ):
        with pytest.raises(NasError, match=message):
            run_search(parse_space(FEW), settings, out=tmp_path / "run", say=lambda _: None)
        assert not (tmp_path / "run").exists()


def test_who_teaches_is_not_asked_for_where_nothing_is_trained(
    searched: tuple[Path, list[int]], tmp_path: Path
) -> None:
    folder = copy_of(searched[0], tmp_path)
    shutil.rmtree(folder / "teacher")
    said: list[str] = []
    for finalists in (0, None):
        assert finish_search(folder, finalists=finalists, say=said.append) is not None
    assert not any("Teacher:" in line for line in said)
    assert not (folder / "teacher").exists()
