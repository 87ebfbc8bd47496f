"""Training settings of the X-ray tasks: their own where none are named, others' refused."""

import pytest

from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.augment import AugmentSpec
from nas.errors import NasError
from nas.spec.training import PseudoLabellingSpec, TrainingSpec
from nas.tasks.covid.detection_loss import DetectionLossSpec
from nas.tasks.covid.requirements import (
    AUGMENT,
    box_loss,
    resolved_for_boxes,
    resolved_for_studies,
)
from nas.tasks.image.losses import LossSpec
from nas.tasks.sed.losses import KnownLabelLossSpec

BOTH = pytest.mark.parametrize("settle", [resolved_for_boxes, resolved_for_studies])


def test_each_task_has_a_loss_of_its_own() -> None:
    assert resolved_for_studies(TrainingSpec()).loss == LossSpec()
    assert resolved_for_boxes(TrainingSpec()).loss == DetectionLossSpec()
    named = DetectionLossSpec(focal_alpha=0.5)
    assert resolved_for_boxes(TrainingSpec(loss=named)).loss == named
    assert box_loss(TrainingSpec(loss=named)) == named


def test_radiographs_have_an_upright() -> None:
    assert not AUGMENT.rotate_180
    for settle in (resolved_for_boxes, resolved_for_studies):
        assert settle(TrainingSpec()).augment == AUGMENT
        assert settle(TrainingSpec(augment=AugmentSpec(flip=False))).augment == AugmentSpec(
            flip=False
        )


@BOTH
def test_other_settings_stay(settle) -> None:
    resolved = settle(TrainingSpec(epochs=3, batch_size=5))
    assert resolved.model_copy(update={"loss": None, "augment": None}) == TrainingSpec(
        epochs=3, batch_size=5
    )
    assert settle(resolved) == resolved


@BOTH
def test_the_settings_of_others_are_refused(settle) -> None:
    with pytest.raises(
        NasError, match=r"training\.pseudo_labelling: the labels of X-rays are all known"
    ):
        settle(TrainingSpec(pseudo_labelling=PseudoLabellingSpec()))
    with pytest.raises(NasError, match=r"training\.augment\.kind: .*spectrogram"):
        settle(TrainingSpec(augment=SpectrogramAugmentSpec()))
    with pytest.raises(NasError, match=r"training\.loss\.kind: .*known_bce"):
        settle(TrainingSpec(loss=KnownLabelLossSpec()))


def test_a_classifiers_loss_is_none_of_a_detector_and_the_other_way_round() -> None:
    with pytest.raises(NasError, match=r"training\.loss\.kind: 'cross_entropy_f1' is not allowed"):
        resolved_for_boxes(TrainingSpec(loss=LossSpec()))
    with pytest.raises(NasError, match=r"training\.loss\.kind: dense_boxes is no loss"):
        resolved_for_studies(TrainingSpec(loss=DetectionLossSpec()))
