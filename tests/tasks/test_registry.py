"""Tasks by name."""

import pytest

from nas.errors import NasError
from nas.spec.space import parse_space
from nas.spec.training import TrainingSpec
from nas.tasks.image.task import ImageTask
from nas.tasks.registry import TASKS, TaskRegistry, register_task, task_named, task_of

CLASSIFIERS = {"image", "covid-study"}
"""They learn one label a picture: the settings of one are settings of the other."""


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
        if {name, other} == CLASSIFIERS:
            assert task_named(other).resolved(resolved) == resolved
            continue
        with pytest.raises(NasError, match=r"^training\.(loss|augment)\.kind: "):
            task_named(other).resolved(resolved)


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


def test_a_task_is_imported_when_it_is_asked_for() -> None:
    registry = TaskRegistry(
        {"absent": "no.such.module:Task", "image": "nas.tasks.image.task:ImageTask"}
    )
    assert list(registry) == ["absent", "image"]
    assert isinstance(registry["image"], ImageTask)
    assert registry["image"] is registry["image"]
    with pytest.raises(ModuleNotFoundError):
        registry["absent"]
