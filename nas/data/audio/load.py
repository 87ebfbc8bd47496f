"""Recordings of a data set, by split: listed, divided, made into spectrograms once, labelled."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.audio.dataset import (
    AudioData,
    EventRow,
    Recording,
    RecordingSet,
    frame_span,
    label_tensor,
)
from nas.data.audio.listing import AudioListing, ListedRecording, list_recordings
from nas.data.audio.preprocess import MelPreprocess
from nas.data.audio.spectrograms import load_spectrograms
from nas.data.cache import default_cache_dir
from nas.data.files import Progress, first_of
from nas.data.request import DataRequest
from nas.data.splits import Split
from nas.data.synthetic.audio import BUILT_IN_AUDIO_SOURCE, built_in_recordings
from nas.errors import NasError

_BUILT_IN_SEED = 0


def load_recordings(request: DataRequest, on_progress: Progress | None = None) -> AudioData:
    """The splits that are asked for, with as many mel bands as the input is high; without a source
    the built-in generated set.

    See `list_recordings` for layouts and for splits that the source lacks. A row that begins after
    its recording's end is left out and named, one that only ends there is cut and named, which
    `strict` allows.

    Raises NasError for a data set that can't be learned from, for a split without recordings, for a
    class of which no training event can be read, and with `strict` for anything left out.
    """
    preprocess, source = request.preprocess_of(MelPreprocess), request.source
    cache_dir = request.cache_dir or default_cache_dir()
    reader = _Reader(preprocess, request.input.height, cache_dir, on_progress)
    if source is None:
        return _built_in(reader, request.splits)
    listing = list_recordings(source, request.seed, request.groups)
    data = _loaded(listing, reader, request.splits)
    if request.strict and data.unreadable:
        problem = f"{len(data.unreadable)} unreadable files or rows{first_of(data.unreadable, 5)}"
        raise NasError(problem, file=source)
    return data


@dataclass(frozen=True)
class _Reader:
    """How files become labelled recordings."""

    preprocess: MelPreprocess
    bands: int
    cache_dir: Path | None
    on_progress: Progress | None

    def read(self, listing: AudioListing, split: Split, faults: "_Faults") -> RecordingSet:
        """The split's readable recordings."""
        members = [item for item in listing.recordings if item.split == split]
        if not members:
            raise NasError(_no_recordings(split), file=listing.source.source)
        mels = load_spectrograms(
            [item.path for item in members],
            self.preprocess,
            self.bands,
            cache_dir=self.cache_dir,
            on_progress=self.on_progress,
        )
        faults.left_out += [
            f"{members[number].key}: {why}" for number, why in mels.unreadable.items()
        ]
        recordings = tuple(
            _recording(item, mel_FT, listing.classes, self.preprocess.frame_s, faults)
            for item, mel_FT in zip(members, mels.mels, strict=True)
            if mel_FT is not None
        )
        found = RecordingSet(recordings, listing.classes, listing.complete(split))
        problem = _lost(split, found, members, faults.left_out)
        if problem:
            raise NasError(problem, file=listing.source.source)
        return found


@dataclass
class _Faults:
    """A line for each file or row that is left out, and for each row that is cut."""

    left_out: list[str]
    cut: list[str] = field(default_factory=list)


def _loaded(listing: AudioListing, reader: _Reader, splits: Sequence[Split]) -> AudioData:
    faults = _Faults(list(listing.wrong))
    parts = {split: reader.read(listing, split, faults) for split in splits}
    return AudioData(
        parts.get("train"),
        parts.get("validation"),
        parts.get("test"),
        listing.classes,
        str(listing.source.source),
        reader.preprocess.frame_s,
        tuple(faults.left_out),
        tuple(faults.cut),
        listing.made_splits,
        _split_digest(listing),
        listing.ignored_files,
        listing.species_ids,
    )


def _recording(
    item: ListedRecording,
    mel_FT: NDArray[np.float16],
    classes: Sequence[str],
    frame_s: float,
    faults: _Faults,
) -> Recording:
    """The labelled recording; what is wrong with its rows goes to `faults`."""
    frames = mel_FT.shape[1]
    rows_tp = _rows_within(item.rows_tp, frames, frame_s, faults)
    rows_fp = _rows_within(item.rows_fp, frames, frame_s, faults)
    labels_KT = label_tensor(rows_tp, rows_fp, classes, frames, frame_s)
    return Recording(item.id, item.key, mel_FT, labels_KT, tuple(rows_tp))


def _rows_within(
    rows: Sequence[EventRow], frames: int, frame_s: float, faults: _Faults
) -> list[EventRow]:
    kept: list[EventRow] = []
    end_s = (frames - 1) * frame_s
    for row in rows:
        if frame_span(row.t_min_s, row.t_max_s, frames, frame_s) is None:
            faults.left_out.append(
                f"{row.place}: begins at {row.t_min_s:g} s, but {row.recording_id} ends at "
                f"{end_s:.2f} s"
            )
            continue
        if row.t_max_s > end_s + 2 * frame_s:
            faults.cut.append(
                f"{row.place}: ends at {row.t_max_s:g} s, but {row.recording_id} at {end_s:.2f} s"
            )
        kept.append(row)
    return kept


def _lost(
    split: Split, found: RecordingSet, members: Sequence[ListedRecording], left_out: Sequence[str]
) -> str:
    """What a split lacks that it can't do without, and why; empty if it lacks nothing.

    That is a readable recording, for train an event of every class, for test one of any.
    """
    if not found.recordings:
        reasons = _reasons(members, found.classes, left_out)
        return f"no recording of the {split} split can be read{first_of(reasons)}"
    present_RK = np.array([(item.labels_KT > 0).any(axis=1) for item in found.recordings])
    lost = [found.classes[number] for number in np.flatnonzero(~present_RK.any(axis=0))]
    if split == "validation" or not lost or (split == "test" and len(lost) < len(found.classes)):
        return ""
    reasons = _reasons(members, lost, left_out)
    names = ", ".join(map(repr, lost))
    return f"no event of {names} in the {split} split can be read{first_of(reasons)}"


def _reasons(
    members: Sequence[ListedRecording], classes: Sequence[str], left_out: Sequence[str]
) -> list[str]:
    """The lines of what is left out that speak of true positives of the classes."""
    rows = [(item, row) for item in members for row in item.rows_tp if row.species in classes]
    places = {place for item, row in rows for place in (item.key, row.place)}
    return [line for line in left_out if line.startswith(tuple(f"{place}: " for place in places))]


def _no_recordings(split: Split) -> str:
    return (
        f"no recordings for the {split} split: every class has too few to give any; add "
        "recordings, or test_events.csv and a folder 'test'"
    )


def _split_digest(listing: AudioListing) -> str:
    """See `AudioData.split_digest`: a recording more in the folder gives other splits."""
    lines = sorted(f"{item.key}\n{item.split}\n" for item in listing.recordings)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _built_in(reader: _Reader, splits: Sequence[Split]) -> AudioData:
    """The generated set; its splits are the same everywhere."""
    with built_in_recordings(reader.cache_dir) as folder:
        data = _loaded(list_recordings(folder, _BUILT_IN_SEED), reader, splits)
    return replace(data, source=BUILT_IN_AUDIO_SOURCE, made_splits=(), split_digest="")
