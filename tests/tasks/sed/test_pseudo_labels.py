"""Labels that a network adds: which frames, which rows, and that the rows read back the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from blocks import TimeAttentionOutput
from nas.data.audio.dataset import label_tensor
from nas.data.audio.preprocess import MelPreprocess
from nas.data.audio.rfcx import read_events
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.spec.architecture import InputSpec
from nas.tasks.sed.pseudo_labels import AddedLabels, add_labels
from nas.tasks.sed.task import SedTask
from tests.data.audio_set import BANDS, write_set
from tests.data.audio_set import PREPROCESS as SOUND
from tests.tasks.sed.made_recordings import CLASSES, recording, recording_set

PREPROCESS = MelPreprocess()
FRAMES = 40
FIRST = recording("a", FRAMES, positive=[(0, 5, 8)], negative=[(0, 20, 25), (1, 0, 3)])
SECOND = recording("b", FRAMES, negative=[(2, 10, 40)])


def added(threshold: float = 0.9) -> AddedLabels:
    first = np.zeros((3, FRAMES), np.float32)
    first[0, 3:10] = 0.95  # around what is labelled already
    first[0, 18:30] = 0.9  # over what is known to be absent
    first[1, 39] = 0.99  # the last frame
    second = np.full((3, FRAMES), 0.89, np.float32)
    return add_labels(recording_set(FIRST, SECOND), [first, second], threshold, PREPROCESS)


def test_only_unknown_frames_from_the_threshold_on_become_positive() -> None:
    labels_KT = added().recordings.recordings[0].labels_KT
    expected = np.zeros((3, FRAMES), np.int8)
    expected[0, 3:10] = expected[0, 18:30] = expected[1, 39] = 1
    expected[0, 20:25] = expected[1, 0:3] = -1
    assert labels_KT.dtype == np.int8
    assert np.array_equal(labels_KT, expected)
    assert np.array_equal(added().recordings.recordings[1].labels_KT, SECOND.labels_KT)


def test_the_data_before_stay_as_they_were() -> None:
    before = FIRST.labels_KT.copy()
    result = added()
    assert np.array_equal(FIRST.labels_KT, before)
    assert result.recordings.recordings[0].mel_FT is FIRST.mel_FT


def test_a_row_for_each_stretch_counted_by_class() -> None:
    frame_s = PREPROCESS.frame_s
    spans = [(row.species, row.t_min_s / frame_s, row.t_max_s / frame_s) for row in added().rows]
    assert spans == [
        ("dog", 3, 5), ("dog", 8, 10), ("dog", 18, 20), ("dog", 25, 30), ("hen", 39, 40),
    ]  # fmt: skip
    assert added().counts == {"dog": 4, "hen": 1, "rain": 0}
    lower = added(0.5)
    assert lower.counts == {"dog": 5, "hen": 2, "rain": 1}


def test_the_table_reads_back_to_the_same_labels(tmp_path: Path) -> None:
    result = added(0.5)
    ids = {"dog": 7, "hen": 3, "rain": 11}
    path = tmp_path / "added.csv"
    path.write_text(result.table(ids))
    assert path.read_text().startswith(
        "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max\n"
        "a,7,1,0.048000,50.0,0.080000,16000.0\n"
    )
    table = read_events(path, {number: name for name, number in ids.items()})
    assert table.wrong == ()
    for before, after in zip((FIRST, SECOND), result.recordings.recordings, strict=True):
        rows = [row for row in table.rows if row.recording_id == before.id]
        new_KT = label_tensor(rows, [], CLASSES, FRAMES, PREPROCESS.frame_s)
        assert np.array_equal(new_KT == 1, (after.labels_KT == 1) & (before.labels_KT == 0))


def test_complete_labels_are_refused() -> None:
    with pytest.raises(NasError, match=r"training\.pseudo_labelling: the labels .* are complete"):
        add_labels(recording_set(FIRST, complete=True), [], 0.9, PREPROCESS)


def test_the_task_writes_the_tables_own_species_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    rows = [(f"r{number:02d}", (3, 17)[number % 2], 0.1, 0.4) for number in range(16)]
    write_set(tmp_path, rows, [("r00", 17, 0.2, 0.3)])
    task = SedTask()
    data = task.load_data(
        DataRequest(tmp_path, InputSpec(channels=1, height=BANDS, width=32), SOUND)
    )

    def sure_of_the_second(x_NCHW: Tensor) -> TimeAttentionOutput:
        logits_NKT = torch.tensor([-9.0, 9.0])[None, :, None].expand(len(x_NCHW), 2, 32)
        return TimeAttentionOutput(logits_NKT[:, :, 0], logits_NKT)

    result = task.pseudo_labelled(data, sure_of_the_second, 0.9, torch.device("cpu"))
    assert data.classes == ("s3", "s17")
    ids = {line.split(",")[1] for line in result.table.splitlines()[1:]}
    assert ids == {"17"}
    assert result.counts["s3"] == 0
    known = result.data.split("train").recordings
    assert all((item.labels_KT[1] != 0).all() for item in known)
