"""Written tables are read again by our readers, as the events that they were."""

from pathlib import Path

import pytest

from nas.data.audio.formats import read_annotations
from nas.errors import NasError
from nas.spec.architecture import parse_architecture
from nas.tasks.base import Prediction
from nas.tasks.registry import task_named

EAR = parse_architecture(
    """
task: sed
input: {channels: 1, height: 16, width: 64}
classes: [dog, red bird]
head: attention
preprocess: {kind: mel, sample_rate_hz: 16000}
layers: [{block: Conv, out: 8, kernel: 3, stride: 2}]
"""
)
EVENTS = [("a", 0.25, 1.5, "dog"), ("a", 0.5, 1.0, "red bird"), ("b", 2.0, 2.125, "dog")]


def prediction(name: str) -> Prediction:
    events = [
        {"class": label, "onset_s": onset_s, "offset_s": offset_s, "score": 0.75}
        for file, onset_s, offset_s, label in EVENTS
        if file == name
    ]
    return Prediction(f"in/{name}.wav", {"scores": {}, "events": events})


@pytest.mark.parametrize("name", ["dcase", "raven"])
def test_tables_of_all_recordings(tmp_path: Path, name: str) -> None:
    predictions = [prediction("a"), prediction("b"), prediction("silent")]
    table = tmp_path / "t.tsv"
    table.write_text(task_named("sed").text_tables[name](predictions, EAR))
    found = read_annotations(table, {})
    rows = [(Path(r.recording_id).stem, r.t_min_s, r.t_max_s, r.species) for r in found.rows]
    assert rows == EVENTS
    assert not found.wrong
    assert name == "raven" or found.named == ("a.wav", "b.wav", "silent.wav")


def test_a_label_track_is_of_one_recording(tmp_path: Path) -> None:
    write = task_named("sed").text_tables["audacity"]
    sound, track = tmp_path / "a.wav", tmp_path / "a.txt"
    sound.touch()
    track.write_text(write([prediction("a")], EAR))
    found = read_annotations(tmp_path, {"a": sound})
    assert [(r.recording_id, r.t_min_s, r.t_max_s, r.species) for r in found.rows] == EVENTS[:2]
    with pytest.raises(NasError, match="of one recording, not of 2"):
        write([prediction("a"), prediction("b")], EAR)
