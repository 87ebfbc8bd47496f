"""The sound scenes: 44 + 16 minutes with RFCX's tables, and one recording labelled by hand."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nas.data.audio.listing import list_recordings
from nas.data.audio.load import load_recordings
from nas.data.audio.preprocess import MelPreprocess
from nas.data.dataset import DataRequest
from nas.data.splits import SPLITS
from nas.spec.definition import InputSpec


@pytest.mark.usefixtures("cache_dir")
def test_the_scenes_are_read_whole(audio_scenes: Path) -> None:
    data = load_recordings(
        DataRequest(
            audio_scenes,
            InputSpec(channels=1, height=128, width=64),
            MelPreprocess(),
            splits=SPLITS,
            strict=True,
        )
    )
    assert len(data.classes) == 8
    assert [len(data.split(split)) for split in SPLITS] == [33, 11, 16]
    assert [data.split(split).complete for split in SPLITS] == [False, False, True]
    for split in SPLITS:
        for item in data.split(split).recordings:
            assert item.mel_FT.shape == (128, 3751)
    present_RK = [(item.labels_KT > 0).any(axis=1) for item in data.split("test").recordings]
    table = np.loadtxt(
        audio_scenes / "test_labels.csv", int, delimiter=",", skiprows=1, usecols=range(1, 9)
    )
    np.testing.assert_array_equal(np.array(present_RK, dtype=int), table)


def test_a_part_of_the_labels_and_the_hand_labelled_recording(
    audio_scenes: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part.yaml"
    part.write_text(
        f"audio: {audio_scenes}/train\ntrue_positives: {audio_scenes}/train_tp_partial.csv\n"
        f"false_positives: {audio_scenes}/train_fp.csv\nspecies: {audio_scenes}/species.csv\n"
        f"test_audio: {audio_scenes}/test\ntest_events: {audio_scenes}/test_events.csv\n"
    )
    listing = list_recordings(part, 0)
    assert sum(len(item.rows_tp) for item in listing.recordings) == 107 + 65
    assert listing.wrong == ()
    real = tmp_path / "real.yaml"
    real.write_text(
        f"audio: {audio_scenes}/real\ntrue_positives: {audio_scenes}/real/real_tp.csv\n"
        f"species: {audio_scenes}/real/species.csv\n"
    )
    (recording,) = list_recordings(real, 0).recordings
    assert Counter(row.species for row in recording.rows_tp) == {"CRER": 4, "SP": 14}
