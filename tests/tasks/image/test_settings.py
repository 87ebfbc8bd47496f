"""What the image task makes of training settings, and of several networks' outputs."""

import pytest
import torch

from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.augment import AugmentSpec
from nas.errors import NasError
from nas.spec.architecture import parse_architecture
from nas.spec.training import PseudoLabellingSpec, TrainingSpec
from nas.tasks.image.losses import LossSpec
from nas.tasks.image.task import ImageTask
from nas.tasks.sed.losses import KnownLabelLossSpec

TASK = ImageTask()


def test_what_is_not_said_is_the_tasks_own() -> None:
    resolved = TASK.resolved(TrainingSpec(epochs=3))
    assert (resolved.loss, resolved.augment) == (LossSpec(), AugmentSpec())
    assert resolved.epochs == 3
    assert TASK.resolved(resolved) == resolved


def test_what_is_said_is_kept() -> None:
    said = TrainingSpec(loss=LossSpec(kind="focal"), augment=AugmentSpec(colour=0.0, flip=False))
    assert TASK.resolved(said) == said


def test_digits_are_not_mirrored() -> None:
    said = TrainingSpec(augment=AugmentSpec(flip=True, rotate_180=True, cutout=0.3))
    resolved = TASK.resolved(said, built_in=True)
    assert resolved.augment == AugmentSpec(flip=False, rotate_180=False, cutout=0.3)


@pytest.mark.parametrize(
    ("training", "key"),
    [
        (TrainingSpec(loss=KnownLabelLossSpec()), "training.loss.kind"),
        (TrainingSpec(augment=SpectrogramAugmentSpec()), "training.augment.kind"),
        (TrainingSpec(pseudo_labelling=PseudoLabellingSpec()), "training.pseudo_labelling"),
    ],
)
def test_the_settings_of_another_task_are_refused(training: TrainingSpec, key: str) -> None:
    with pytest.raises(NasError) as caught:
        TASK.resolved(training)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("line", "expected"),
    [("head: attention", "attention is no head"), ("preprocess: {kind: mel}", "not mel")],
)
def test_the_networks_of_another_task_are_refused(line: str, expected: str) -> None:
    text = f"input: {{height: 16, width: 16}}\nlayers: [{{block: Conv, out: 8}}]\n{line}\n"
    with pytest.raises(NasError, match=expected):
        TASK.check_architecture(parse_architecture(f"name: small\nclasses: 3\n{text}"))


def test_the_mean_is_of_probabilities() -> None:
    first, second = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0)).unbind()
    mean = TASK.mean_outputs([first, second]).softmax(dim=1)
    torch.testing.assert_close(mean, (first.softmax(dim=1) + second.softmax(dim=1)) / 2)
    sure = TASK.mean_outputs([torch.tensor([[900.0, 0.0]]), torch.tensor([[0.0, 900.0]])])
    torch.testing.assert_close(sure.softmax(dim=1), torch.tensor([[0.5, 0.5]]))
