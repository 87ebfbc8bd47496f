"""A network that begins with a library's published weights has its inputs as these want them."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.data.image.preprocess import ImagePreprocess
from nas.spec.definition import InputSpec
from nas.tasks.registry import library_architecture
from nas.train.plan import new_plan

MODEL = "timm:tf_efficientnet_lite0"
SIZE = InputSpec(height=48, width=64)


def test_pictures_are_normalised_as_the_weights_want(tmp_path: Path) -> None:
    architecture = library_architecture(MODEL, SIZE)
    preprocess = new_plan(architecture, pretrained=True, out=tmp_path).architecture.preprocess
    assert isinstance(preprocess, ImagePreprocess)
    assert (preprocess.mean, preprocess.std) == ((0.5,) * 3, (0.5,) * 3)
    assert preprocess.says_normalisation


def test_at_random_the_data_decide(tmp_path: Path) -> None:
    assert new_plan(library_architecture(MODEL, SIZE), out=tmp_path).architecture.preprocess is None


def test_what_the_file_says_counts_first(tmp_path: Path) -> None:
    own = ImagePreprocess(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    architecture = replace(library_architecture(MODEL, SIZE), preprocess=own)
    assert new_plan(architecture, pretrained=True, out=tmp_path).architecture.preprocess == own


@pytest.mark.parametrize("channels", [1, 3])
def test_spectrograms_keep_their_own(channels: int, tmp_path: Path) -> None:
    size = InputSpec(channels=channels, height=128, width=512)
    architecture = library_architecture(MODEL, size, "sed")
    assert new_plan(architecture, pretrained=True, out=tmp_path).architecture.preprocess is None
