"""Which settings the training split chooses, and which it does not."""

import numpy as np
import pytest

from nas.data.augment import AugmentSpec
from nas.data.image.dataset import ImageData, ImageSet
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.spec.training import PseudoLabellingSpec, TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.tasks.image.task import ImageTask
from nas.tasks.recipe import Recipe, open_until_read, recipe_for, settled
from nas.tasks.registry import TASKS

TASK = ImageTask()


def pictures(*counts: int) -> ImageData:
    """So many training pictures of each class."""
    labels_N = np.repeat(np.arange(len(counts)), counts)
    classes = tuple(map(str, range(len(counts))))
    pixels = np.zeros((len(labels_N), 4, 4, 3), np.uint8)
    train = ImageSet(pixels, labels_N, tuple(map(str, labels_N)), classes)
    return ImageData(
        splits={"train": train},
        classes=classes,
        source="made",
        preprocess=ImagePreprocess(),
        input=InputSpec(height=4, width=4),
    )


def chosen(training: TrainingSpec, *counts: int) -> Recipe:
    opened = open_until_read(TASK, training, built_in=False)
    return recipe_for(TASK, opened, pictures(*counts), built_in=False)


@pytest.mark.parametrize("counts", [(10, 79), (30, 30, 30), (410, 347, 326, 280, 278, 91)])
def test_classes_are_evened_out_in_part(counts: tuple[int, ...]) -> None:
    recipe = chosen(TrainingSpec(epochs=3), *counts)
    assert recipe.training == TrainingSpec(
        epochs=3, loss=LossSpec(), sampler="softened", augment=AugmentSpec()
    )
    (line,) = recipe.lines
    assert line == (
        f"recipe: sampler softened; {min(counts)} to {max(counts)} training pictures a class are "
        "less than 8 to 1"
    )


@pytest.mark.parametrize("counts", [(10, 80), (300, 40, 30), (4, 0)])
def test_where_they_differ_much_they_are_drawn_equally_often(counts: tuple[int, ...]) -> None:
    recipe = chosen(TrainingSpec(), *counts)
    assert (recipe.training.loss, recipe.training.sampler) == (LossSpec(), "inverse")
    assert recipe.lines[0].startswith("recipe: sampler inverse; ")
    assert "are 8 to 1 or more" in recipe.lines[0]


def test_what_is_given_wins() -> None:
    for sampler in ("none", "softened"):
        said = TrainingSpec(loss=LossSpec(kind="focal"), sampler=sampler)
        assert chosen(said, 20, 200) == Recipe(settled(TASK, said, built_in=False))


def test_a_fixed_recipe_is_the_tasks_own() -> None:
    recipe = chosen(TrainingSpec(recipe="fixed"), 20, 200)
    assert (recipe.training.sampler, recipe.lines) == ("softened", ())


def test_what_was_chosen_is_given_from_then_on() -> None:
    first = chosen(TrainingSpec(), 20, 200).training
    assert first.sampler == "inverse"
    assert chosen(first, 20, 20) == Recipe(first)


def test_digits_are_not_mirrored_either_way() -> None:
    opened = open_until_read(TASK, TrainingSpec(), built_in=True)
    assert (opened.loss, opened.sampler) == (LossSpec(), None)
    recipe = recipe_for(TASK, opened, pictures(20, 20), built_in=True)
    assert recipe.training.augment == AugmentSpec(flip=False)


def test_mistakes_are_told_before_the_data_are_read() -> None:
    with pytest.raises(NasError, match="are all known"):
        open_until_read(TASK, TrainingSpec(pseudo_labelling=PseudoLabellingSpec()), built_in=False)


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"image"}))
def test_other_tasks_leave_nothing_open(name: str) -> None:
    task = TASKS[name]
    closed = open_until_read(task, TrainingSpec(), built_in=False)
    assert closed == settled(task, TrainingSpec(), built_in=False)
    assert closed.sampler == task.default_sampler
    assert closed.loss is not None
