"""Each format of annotations against a file written by hand, and against pandas."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nas.data.audio.formats import read_annotations
from nas.data.audio.listing import list_recordings
from nas.data.audio.load import load_recordings
from nas.data.audio.preprocess import MelPreprocess
from nas.data.audio.source import holds_recordings
from nas.data.dataset import DataRequest
from nas.data.image.listing import list_images
from nas.errors import NasError
from nas.spec.definition import InputSpec

RATE_HZ = 8_000
EVENTS = [("a", 0.0, 0.5, "dog"), ("a", 0.25, 0.75, "bird, red"), ("b", 0.1, 0.4, "dog")]


def write_sound(path: Path, seconds: float = 1.0, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE_HZ))
    soundfile.write(path, samples, RATE_HZ)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def events_of(table, files=None):
    return [(r.recording_id, r.t_min_s, r.t_max_s, r.species) for r in table.rows]


def named(events, ending=".wav"):
    return [(f"{name}{ending}", *rest) for name, *rest in events]


DCASE = (
    "filename\tonset\toffset\tevent_label\n"
    "a.wav\t0.0\t0.5\tdog\na.wav\t0.25\t0.75\tbird, red\nb.wav\t0.1\t0.4\tdog\nc.wav\t\t\t\n"
)
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\t"
    "Begin File\tFile Offset (s)\tAnnotation\n"
    "1\tWaveform 1\t1\t0.0\t0.5\t100\t900\ta.wav\t0.0\tdog\n"
    "1\tSpectrogram 1\t1\t0.0\t0.5\t100\t900\ta.wav\t0.0\tdog\n"
    "2\tSpectrogram 1\t1\t0.25\t0.75\t100\t900\ta.wav\t0.25\tbird, red\n"
    "3\tSpectrogram 1\t1\t60.1\t60.4\t100\t900\tb.wav\t0.1\tdog\n"
)
BIRDNET = (
    "Start (s),End (s),Scientific name,Common name,Confidence,File\n"
    '0.0,0.5,Canis,dog,0.9,a.wav\n0.25,0.75,Avis,"bird, red",0.8,a.wav\n'
    "0.1,0.4,Canis,dog,0.7,b.wav\n"
)
STRONG = (
    "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
    "a.wav\t0.0\t0.5\tdog\na.wav\t0.25\t0.75\tbird, red\nb.wav\t0.1\t0.4\tdog\n"
)


@pytest.mark.parametrize(
    ("text", "ending"), [(DCASE, ".tsv"), (RAVEN, ".txt"), (BIRDNET, ".csv"), (STRONG, ".tsv")]
)
@pytest.mark.parametrize("dress", ["plain", "bom", "crlf"])
def test_tables_of_events(tmp_path: Path, text: str, ending: str, dress: str) -> None:
    text = text.replace("\n", "\r\n") if dress == "crlf" else text
    table = written(tmp_path / f"t{ending}", text, "utf-8-sig" if dress == "bom" else "utf-8")
    found = read_annotations(table, {})
    rounded = [(name, round(a, 6), round(b, 6), label) for name, a, b, label in events_of(found)]
    assert rounded == named(EVENTS)
    assert not found.wrong
    assert found.timed


def test_pandas_reads_the_same(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = written(tmp_path / "t.tsv", DCASE)
    frame = pandas.read_csv(table, sep="\t").dropna()
    assert events_of(read_annotations(table, {})) == list(frame.itertuples(index=False, name=None))


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    text = "filename;onset;offset;event_label\na.wav;0,25;0,75;dog\n"
    found = read_annotations(written(tmp_path / "t.csv", text), {})
    assert events_of(found) == [("a.wav", 0.25, 0.75, "dog")]


@pytest.mark.parametrize(
    "head", ["filename,fold,target,category", "slice_file_name,fsID,start,end,class",
             "primary_label,latitude,filename", "fname,labels,split"],
)  # fmt: skip
def test_tables_of_clips(tmp_path: Path, head: str) -> None:
    cells = dict.fromkeys(head.split(","), "0")
    for name in cells:
        if name in ("filename", "slice_file_name", "fname"):
            cells[name] = "a.wav"
        elif name in ("category", "class", "primary_label", "labels"):
            cells[name] = "dog"
    table = written(tmp_path / "t.csv", f"{head}\n{','.join(cells.values())}\n")
    found = read_annotations(table, {})
    assert events_of(found) == [("a.wav", 0.0, math.inf, "dog")]
    assert not found.timed


def test_wrong_rows_are_named_with_file_and_line_and_the_rest_is_used(tmp_path: Path) -> None:
    text = DCASE + "a.wav\t0.9\t0.2\tdog\na.wav\tx\t1\tdog\na.wav\t0\t1\t\n\t0\t1\tdog\n"
    found = read_annotations(written(tmp_path / "t.tsv", text), {})
    assert len(found.rows) == 3
    assert found.wrong == (
        "t.tsv:6: 0.9 to 0.2 s is not 0 <= onset < offset",
        "t.tsv:7: onset 'x' is not a number",
        "t.tsv:8: names no class",
        "t.tsv:9: names no recording",
    )


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    table = written(tmp_path / "t.tsv", DCASE.replace("offset", "offsets", 1))
    with pytest.raises(NasError, match=r"t\.tsv:1: .*as DCASE it lacks 'offset' \(is it 'offsets'"):
        read_annotations(table, {})


def test_label_tracks_lie_beside_their_recordings(tmp_path: Path) -> None:
    for name in ("in/a.wav", "in/b.aiff"):
        write_sound(tmp_path / name, seed=len(name))
    written(tmp_path / "in/a.txt", "0.0\t0.5\tdog\n\\\t100.0\t900.0\n0.25\t0.75\tbird, red\n")
    written(tmp_path / "in/b_labels.txt", "0,1\t0,4\tdog\n0.5\t0.5\tpoint\n")
    listing = list_recordings(tmp_path)
    rows = [(i.id, r.t_min_s, r.t_max_s, r.species) for i in listing.files for r in i.rows_tp]
    assert sorted(rows) == sorted(EVENTS)
    assert listing.classes == ("bird, red", "dog")
    assert listing.wrong == ("b_labels.txt:2: 0.5 to 0.5 s is not 0 <= onset < offset",)


def test_a_folder_with_tables_of_splits(tmp_path: Path) -> None:
    for split, names in (("train", "abc"), ("validation", "de"), ("test", "fg")):
        for name in names:
            write_sound(tmp_path / "audio" / split / f"{name}.wav", seed=ord(name))
        rows = "".join(f"{name}.wav\t0.1\t0.6\tdog\n" for name in names[:2])
        head = "filename\tonset\toffset\tevent_label\n"
        written(tmp_path / "metadata" / f"{split}.tsv", head + rows)
    written(
        tmp_path / "metadata" / "test.tsv", head + rows + "f.wav\t0\t1\tdig\nz.wav\t0\t1\tdog\n"
    )
    assert holds_recordings(tmp_path)
    listing = list_recordings(tmp_path)
    assert {i.id: i.split for i in listing.files} == {
        **dict.fromkeys("abc", "train"), **dict.fromkeys("de", "validation"),
        **dict.fromkeys("fg", "test"),
    }  # fmt: skip
    assert listing.made_splits == ()
    assert listing.wrong == (
        "test.tsv:4: no class 'dig'; did you mean 'dog'?",
        "test.tsv:5: no recording 'z.wav' in test",
    )


def test_class_folders_have_no_times(tmp_path: Path) -> None:
    for number in range(6):
        for name in ("dog", "red bird"):
            write_sound(tmp_path / name / f"{number}.wav", 0.5, seed=number + len(name))
    assert holds_recordings(tmp_path)
    size = InputSpec(channels=1, height=16, width=32)
    mel = MelPreprocess(sample_rate_hz=RATE_HZ, fft_samples=256, hop_samples=128, overlap_frames=4)
    data = load_recordings(DataRequest(tmp_path, size, mel, cache_dir=tmp_path / "cache"))
    assert data.classes == ("dog", "red bird")
    for recording in data.split("train").recordings:
        (event,) = recording.events
        assert event.species == recording.path.partition("/")[0]
        assert (recording.labels_KT == 1).sum() == recording.frames
    assert data.split("train").complete
    assert not data.split("train").timed


def test_paths_and_equal_names_in_folders(tmp_path: Path) -> None:
    for name in ("x/a.wav", "y/a.wav", "y/b.wav"):
        write_sound(tmp_path / name)
    head = "filename,onset,offset,event_label\n"
    rows = "C:\\data\\x\\a.wav,0,1,dog\ny/a.wav,0,1,hen\nb,0,1,hen\na.wav,0,1,hen\n"
    written(tmp_path / "labels.csv", head + rows)
    listing = list_recordings(tmp_path)
    found = {i.id: [r.species for r in i.rows_tp] for i in listing.files}
    assert found == {"x/a": ["dog"], "y/a": ["hen"], "b": ["hen"]}
    assert listing.wrong == ("labels.csv:5: 2 recordings are called 'a.wav': write their folders",)


def test_recordings_taken_for_pictures_say_what_to_do(tmp_path: Path) -> None:
    write_sound(tmp_path / "dog" / "a.wav")
    with pytest.raises(NasError, match=r"no images, but recordings: .* --task sed"):
        list_images(tmp_path)
