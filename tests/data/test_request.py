"""A request of data: what a loader may take for granted of it."""

import pytest

from nas.data.audio.preprocess import MelPreprocess
from nas.data.dataset import DataRequest
from nas.data.image.preprocess import ImagePreprocess
from nas.spec.definition import InputSpec

SIZE = InputSpec(channels=1, height=8, width=8)


def test_what_is_not_said_are_the_defaults_of_the_kind() -> None:
    assert DataRequest(None, SIZE).preprocess_of(MelPreprocess) == MelPreprocess()
    assert not DataRequest(None, SIZE).preprocess_of(ImagePreprocess).says_normalisation


def test_what_is_said_stays_and_is_of_one_kind() -> None:
    given = ImagePreprocess(turn_portrait=False)
    request = DataRequest(None, SIZE).prepared(given)
    assert request.preprocess_of(ImagePreprocess) is given
    with pytest.raises(ValueError, match="MelPreprocess, not ImagePreprocess"):
        request.preprocess_of(MelPreprocess)
