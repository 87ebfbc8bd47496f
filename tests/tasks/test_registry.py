"""Tasks by name."""

from pathlib import Path
from typing import Literal

import pytest

from nas.errors import NasError
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.preprocess import Preprocess
from nas.spec.space import parse_space
from nas.spec.training import TaskLoss, TrainingSpec
from nas.tasks.image.task import ImageTask
from nas.tasks.registry import (
    TASKS,
    TaskRegistry,
    register_task,
    task_named,
    task_of,
    task_of_data,
)

CLASSIFIERS = {"image", "covid-study"}
"""They learn one label a picture: the settings of one are settings of the other."""
DETECTORS = {"detection", "covid-detection"}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_is_found_under_its_own_name(name: str) -> None:
    assert task_named(name).name == name
    assert task_named(name).primary_metric
    assert task_named(name).built_in_source


@pytest.mark.parametrize("name", sorted(TASKS))
def test_settings_are_resolved_once(name: str) -> None:
    resolved = task_named(name).resolved(TrainingSpec(epochs=3))
    assert resolved.loss is not None
    assert resolved.augment is not None
    assert task_named(name).resolved(resolved) == resolved
    assert resolved.model_copy(update={"loss": None, "augment": None}) == TrainingSpec(epochs=3)
    for other in sorted(set(TASKS) - {name}):
        if {name, other} in (CLASSIFIERS, DETECTORS):
            assert task_named(other).resolved(resolved) == resolved
            continue
        with pytest.raises(NasError, match=r"^training\.(loss|augment)\.kind: "):
            task_named(other).resolved(resolved)


def test_the_form_of_data_tells_whose_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, table in (("sounds", "train_tp.csv"), ("chests", "train_image_level.csv")):
        (tmp_path / name).mkdir()
        (tmp_path / name / table).touch()
    (tmp_path / "birds.yaml").write_text("audio: a\ntrue_positives: b.csv\n")
    (tmp_path / "lungs.yaml").write_text("images: a\nstudy_table: b.csv\n")
    kinds = {name: task_of_data(tmp_path / name).name for name in ("sounds", "birds.yaml")}
    assert kinds == {"sounds": "sed", "birds.yaml": "sed"}
    for name in ("chests", "lungs.yaml"):
        assert task_of_data(tmp_path / name).name.startswith("covid-")
    for name in (".", "photos.csv"):
        assert task_of_data(tmp_path / name).name == "image"

    class TableTask(ImageTask):
        name = "tables"

        def holds(self, source: Path) -> bool:
            return source.suffix == ".csv"

    monkeypatch.setattr(TASKS, "_tasks", dict(TASKS._tasks))
    register_task(TableTask())
    assert task_of_data(tmp_path / "photos.csv").name == "tables", "the last one is asked first"
    assert task_of_data(tmp_path).name == "image"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(NasError, match="no task 'imgae'; did you mean 'image'"):
        task_named("imgae")


def test_an_unknown_name_in_a_space_is_an_error_at_its_line() -> None:
    text = "name: x\ntask: {}\ninput: {{height: 8, width: 8}}\nlayers: [{{block: Flatten}}]\n"
    assert task_of(parse_space(text.format("image"))) is TASKS["image"]
    with pytest.raises(NasError, match=r"space\.yaml:2 task: no task 'imgae'; did you mean"):
        task_of(parse_space(text.format("imgae")))


def test_a_taken_name_of_a_task_is_refused() -> None:
    with pytest.raises(ValueError, match="'image' is registered already"):
        register_task(ImageTask())


def test_a_taken_kind_of_settings_is_refused() -> None:
    class Other(ImageTask):
        name = "other"

        class Mine(TaskLoss):
            kind: Literal["known_focal"] = "known_focal"

        loss_types = (Mine,)

    registry = TaskRegistry({"sed": "nas.tasks.sed.task:SedTask"})
    with pytest.raises(ValueError, match=r"kind 'known_focal' of .*Mine.* is registered already"):
        registry.register(Other())


def test_a_registered_task_brings_the_kinds_of_its_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class PointPreprocess(Preprocess):
        kind: Literal["points"] = "points"
        most: int = 3

    class PointLoss(TaskLoss):
        kind: Literal["nearest"] = "nearest"
        power: float = 2.0

    class Points(ImageTask):
        name = "points"
        preprocess_types = (PointPreprocess,)
        loss_types = (PointLoss,)

    text = (
        "input: {height: 8, width: 8}\nlayers: [{block: Flatten}]\npreprocess: {kind: points, MORE}"
    )
    with pytest.raises(NasError, match=r"preprocess\.kind: 'points' is not allowed"):
        parse_architecture(text.replace("MORE", "most: 5"))
    monkeypatch.setattr(TASKS, "_tasks", dict(TASKS._tasks))
    assert register_task(Points()).name in TASKS
    read = parse_architecture(text.replace("MORE", "most: 5"))
    assert read.preprocess == PointPreprocess(most=5)
    assert parse_architecture(dump_architecture(read)) == read
    with pytest.raises(
        NasError, match=r"3 preprocess\.mots: no key 'mots' here; did you mean 'most'"
    ):
        parse_architecture(text.replace("MORE", "mots: 5"))
    training = TrainingSpec.model_validate({"loss": {"kind": "nearest"}})
    assert training.loss == PointLoss()
    assert training.model_dump(mode="json")["loss"] == {"kind": "nearest", "power": 2.0}


def test_our_own_kinds_have_one_model_each() -> None:
    registry = TaskRegistry()
    for task in TASKS.values():
        registry.register(task)
    assert list(registry) == list(TASKS)


def test_a_task_is_imported_when_it_is_asked_for() -> None:
    registry = TaskRegistry(
        {"absent": "no.such.module:Task", "image": "nas.tasks.image.task:ImageTask"}
    )
    assert list(registry) == ["absent", "image"]
    assert isinstance(registry["image"], ImageTask)
    assert registry["image"] is registry["image"]
    with pytest.raises(ModuleNotFoundError):
        registry["absent"]
