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
SMOOTH = LossSpec(kind="cross_entropy", label_smoothing=0.1)


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


@pytest.mark.parametrize("counts", [(10, 20), (30, 30, 30), (91, 120, 150)])
def test_balanced_classes_are_drawn_evenly_with_smoothed_labels(counts: tuple[int, ...]) -> None:
    recipe = chosen(TrainingSpec(epochs=3), *counts)
    assert recipe.training == TrainingSpec(
        epochs=3, loss=SMOOTH, sampler="none", augment=AugmentSpec()
    )
    (line,) = recipe.lines
    assert line == (
        "recipe: loss cross_entropy (label_smoothing 0.1), sampler none; "
        f"{min(counts)} to {max(counts)} training pictures a class are balanced (at most 2 to 1)"
    )


@pytest.mark.parametrize("counts", [(10, 21), (410, 347, 326, 280, 278, 91), (4, 0)])
def test_other_classes_are_evened_out(counts: tuple[int, ...]) -> None:
    recipe = chosen(TrainingSpec(), *counts)
    assert (recipe.training.loss, recipe.training.sampler) == (LossSpec(), "softened")
    assert "are not balanced (more than 2 to 1)" in recipe.lines[0]


def test_what_is_given_wins() -> None:
    said = TrainingSpec(loss=LossSpec(kind="focal"), sampler="inverse")
    assert chosen(said, 20, 20) == Recipe(settled(TASK, said, built_in=False))
    half = chosen(TrainingSpec(sampler="softened"), 20, 20)
    assert (half.training.loss, half.training.sampler) == (SMOOTH, "softened")
    assert "sampler" not in half.lines[0]


def test_a_fixed_recipe_is_the_tasks_own() -> None:
    recipe = chosen(TrainingSpec(recipe="fixed"), 20, 20)
    assert (recipe.training.loss, recipe.training.sampler) == (LossSpec(), "softened")
    assert recipe.lines == ()


def test_what_was_chosen_is_given_from_then_on() -> None:
    first = chosen(TrainingSpec(), 20, 20).training
    assert chosen(first, 20, 200) == Recipe(first)


def test_digits_are_not_mirrored_either_way() -> None:
    opened = open_until_read(TASK, TrainingSpec(), built_in=True)
    assert (opened.loss, opened.sampler) == (None, None)
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
    assert closed.sampler == "softened"
    assert closed.loss is not None
