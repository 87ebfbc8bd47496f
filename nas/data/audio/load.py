"""Recordings of a data set, by split: listed, divided, made into spectrograms once, labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isinf
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
from nas.data.copies import Named, tell_copies
from nas.data.dataset import DataRequest
from nas.data.files import Progress, first_of
from nas.data.listing import as_built_in, load_splits
from nas.data.splits import Split
from nas.data.synthetic.audio import BUILT_IN_AUDIO_SOURCE, built_in_recordings
from nas.errors import NasError

_BUILT_IN_SEED = 0


def load_recordings(request: DataRequest, on_progress: Progress | None = None) -> AudioData:
    """The splits that are asked for (see `list_recordings`), with as many mel bands as the input is
    high; without a source the built-in generated set.

    A row that begins after its recording's end is left out and named, one that only ends there is
    cut and named, which `strict` allows.

    Raises NasError for a data set that can't be learned from, for a split without recordings, for a
    class of which no training event can be read, and with `strict` for anything left out.
    """
    cache_dir = request.cache_dir or default_cache_dir()
    if request.source is not None:
        listing = list_recordings(request.source, request.seed, request.groups)
        return _loaded(listing, request, cache_dir, on_progress)
    with built_in_recordings(cache_dir) as folder:
        listing = list_recordings(folder, _BUILT_IN_SEED)
        data = _loaded(listing, request, cache_dir, on_progress)
    return as_built_in(data, BUILT_IN_AUDIO_SOURCE)


def _loaded(
    listing: AudioListing,
    request: DataRequest,
    cache_dir: Path | None,
    on_progress: Progress | None,
) -> AudioData:
    preprocess = request.preprocess_of(MelPreprocess)
    reader = _Reader(listing, preprocess, request.input.height, cache_dir, on_progress)
    data = load_splits(request, listing, preprocess, reader.read)
    parts = {
        split: Named(
            [item.path for item in found.recordings], [item.mel_FT for item in found.recordings]
        )
        for split, found in data.splits.items()
    }
    return tell_copies(replace(data, notes=_notes(data)), parts, strict=request.strict)


def _notes(data: AudioData) -> tuple[str, ...]:
    """Remarks: ignored files, and events that last longer than their recordings."""
    lines = []
    if data.ignored_files:
        lines.append(f"{data.ignored_files} files of sound that no table labels are ignored")
    if cut := [line for found in data.splits.values() for line in found.cut]:
        lines.append(
            f"{len(cut)} events end after their recordings and are cut there, first {cut[0]}"
        )
    return tuple(lines)


@dataclass(frozen=True)
class _Reader:
    """How files become labelled recordings."""

    listing: AudioListing
    preprocess: MelPreprocess
    bands: int
    cache_dir: Path | None
    on_progress: Progress | None

    def read(self, split: Split, left_out: list[str]) -> RecordingSet:
        """The split's readable recordings."""
        listing, members = self.listing, self.listing.members(split)
        if not members:
            raise NasError(_no_recordings(split), file=listing.source)
        mels = load_spectrograms(
            [item.path for item in members],
            self.preprocess,
            self.bands,
            cache_dir=self.cache_dir,
            on_progress=self.on_progress,
        )
        faults = _Faults(left_out)
        left_out += [f"{members[n].key}: {why}" for n, why in mels.unreadable.items()]
        recordings = tuple(
            _recording(item, mel_FT, listing.classes, self.preprocess.frame_s, faults)
            for item, mel_FT in zip(members, mels.mels, strict=True)
            if mel_FT is not None
        )
        complete, species_ids = listing.complete(split), listing.species_ids
        cut = tuple(faults.cut)
        found = RecordingSet(
            recordings, listing.classes, complete, species_ids, cut, timed=listing.timed
        )
        problem = _lost(split, found, members, left_out)
        if problem:
            raise NasError(problem, file=listing.source)
        return found


@dataclass
class _Faults:
    """A line for each file or row that is left out, and for each row that is cut."""

    left_out: list[str]
    cut: list[str] = field(default_factory=list)


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
        if isinf(row.t_max_s):
            row = replace(row, t_max_s=frames * frame_s)
        if row.t_max_s > end_s + 2 * frame_s:
            faults.cut.append(
                f"{row.place}: ends at {row.t_max_s:g} s, but {row.recording_id} at {end_s:.2f} s"
            )
        kept.append(row)
    return kept


def _lost(
    split: Split, found: RecordingSet, members: Sequence[ListedRecording], left_out: Sequence[str]
) -> str:
    """What a split lacks, and why; empty if it lacks nothing.

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
