"""The digits that come with scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nas.data.dataset import DataRequest
from nas.data.image.digits import DIGITS_SOURCE
from nas.data.image.load import load_images
from nas.data.image.preprocess import ImagePreprocess
from nas.spec.definition import InputSpec

SPLITS = ("train", "validation", "test")

SIZE = InputSpec(channels=1, height=8, width=8)


def test_all_digits_once_and_stratified() -> None:
    data = load_images(DataRequest(None, SIZE, ImagePreprocess(), splits=SPLITS))
    assert data.source == DIGITS_SOURCE
    assert data.classes == tuple("0123456789")
    assert [len(data.split(split)) for split in SPLITS] == [1169, 269, 359]
    assert len({path for split in SPLITS for path in data.split(split).paths}) == 1797
    everything = np.bincount(load_digits().target)
    for split, share in zip(SPLITS, (0.65, 0.15, 0.2), strict=True):
        assert np.abs(np.array(data.split(split).class_counts) - share * everything).max() <= 1


def test_pixels_belong_to_their_labels() -> None:
    digits = load_digits()
    train = load_images(DataRequest(None, SIZE, ImagePreprocess(), splits=("train",))).split(
        "train"
    )
    numbers = [int(path.removeprefix("digits/")) for path in train.paths]
    np.testing.assert_array_equal(train.labels_N, digits.target[numbers])
    expected = np.round(digits.images[numbers] * 255 / 16)
    assert np.abs(train.pixels[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(("height", "width", "channels"), [(46, 64, 3), (64, 46, 1), (5, 7, 3)])
def test_any_input_and_never_turned(height: int, width: int, channels: int) -> None:
    turning = ImagePreprocess(turn_portrait=True)
    data = load_images(
        DataRequest(
            None,
            InputSpec(channels=channels, height=height, width=width),
            turning,
            splits=("validation",),
        )
    )
    validation = data.split("validation")
    assert "train" not in data.splits
    assert validation.pixels.shape == (269, height, width, channels)
    assert (validation.pixels == validation.pixels[..., :1]).all()
    still = load_images(
        DataRequest(
            None,
            InputSpec(channels=channels, height=height, width=width),
            ImagePreprocess(turn_portrait=False),
            splits=("validation",),
        )
    )
    np.testing.assert_array_equal(validation.pixels, still.split("validation").pixels)


def test_the_seed_of_a_run_does_not_move_the_split() -> None:
    first, other = (
        load_images(DataRequest(None, SIZE, ImagePreprocess(), splits=("test",), seed=seed))
        for seed in (0, 7)
    )
    assert first.split("test").paths == other.split("test").paths
