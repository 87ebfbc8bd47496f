"""Recordings of a data set and their labels, listed before any is decoded."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.audio.annotation import EventTable
from nas.data.audio.dataset import EventRow
from nas.data.audio.formats import is_rfcx, read_annotations
from nas.data.audio.rfcx import (
    SpeciesId,
    read_events,
    read_labelled_recordings,
    read_species,
    species_in,
)
from nas.data.audio.source import (
    AudioSource,
    RecordingNames,
    find_audio_source,
    recording_files,
)
from nas.data.audio.splits import RecordingEvents, divide_recordings
from nas.data.files import first_of
from nas.data.listing import Listing
from nas.data.splits import SPLITS, Split
from nas.data.table import groups_of, read_rows
from nas.errors import NasError, did_you_mean


@dataclass(frozen=True)
class ListedRecording:
    """One recording's file and the rows of the tables that speak of it."""

    id: str
    key: str
    """Path relative to the data set's folder, with forward slashes."""
    path: Path
    rows_tp: tuple[EventRow, ...]
    rows_fp: tuple[EventRow, ...]
    split: Split
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class AudioListing(Listing[ListedRecording]):
    """The recordings of a data set, sorted by split and id; those of which nothing is known, where
    labels are known in part, are ignored."""

    places: AudioSource
    species_ids: tuple[SpeciesId, ...]
    """Number, or name, of each class in the tables."""
    timed: bool
    """Whether all tables say when a class sounds."""

    def complete(self, split: Split) -> bool:
        """Whether all that sounds in a split is labelled."""
        given = {"test": self.places.test_events, "validation": self.places.validation_events}
        return self.places.false_positives is None or given.get(split) is not None


def list_recordings(source: Path, seed: int = 0, groups: Path | None = None) -> AudioListing:
    """The recordings of a data set (see `find_audio_source`), divided by `seed` where need be.

    Validation, and test where the source has none, are taken from train by whole recordings, or by
    whole groups with the table `groups` (path, group); see nas.data.audio.splits. With a table of
    false positives a training file without a row is ignored: nothing is known of it.
    Raises NasError for tables that are none, for a class without a true positive in the training
    recordings, for a test split without an event, and for a file in both train and test.
    """
    try:
        places = find_audio_source(source)
        reader = _Tables(places)
        train, wrong, ignored = _train_recordings(places, reader)
        held = [
            *_held_recordings(places, reader, "validation", wrong),
            *_held_recordings(places, reader, "test", wrong),
        ]
    except OSError as error:
        raise NasError(f"can't be listed: {error}", file=source) from error
    if groups is not None:
        train, held = (_grouped(part, groups, places.root) for part in (train, held))
    _refuse_crossing(train, held, source)
    classes = tuple(reader.classes.values())
    _check_classes(train, classes, places, wrong)
    return AudioListing(
        source=source,
        root=places.root,
        files=_divided([*train, *held], seed),
        classes=classes,
        made_splits=tuple(
            split for split in SPLITS[1:] if split not in {item.split for item in held}
        ),
        wrong=tuple(wrong),
        ignored_files=ignored,
        places=places,
        species_ids=tuple(reader.classes),
        timed=reader.timed,
    )


class _Tables:
    """Reads the tables of a data set; those of training say what the classes are."""

    def __init__(self, source: AudioSource) -> None:
        table = source.true_positives
        self._rfcx = is_rfcx(table)
        self.timed = True
        self.classes: dict[SpeciesId, str] = {}
        if self._rfcx:
            self.classes = read_species(source.species) if source.species else species_in(table)
        elif source.species:
            rows = read_rows(source.species, required=("name",), optional=())
            self.classes = {cells["name"]: cells["name"] for _, cells in rows if cells["name"]}

    def read(self, place: Path, files: Mapping[str, Path]) -> EventTable:
        """What a table says of the classes; rows of others are wrong. The first table that is read
        says what they are, where nothing else does."""
        if self._rfcx and is_rfcx(place):
            table = read_events(place, self.classes)
            return replace(table, named=tuple(files))
        table = read_annotations(place, files)
        self.timed = self.timed and table.timed
        if not self.classes:
            self.classes = {name: name for name in sorted({row.species for row in table.rows})}
        known = set(self.classes.values())
        others = tuple(
            f"{row.place}: no class {row.species!r}{did_you_mean(row.species, known)}"
            for row in table.rows
            if row.species not in known
        )
        rows = tuple(row for row in table.rows if row.species in known)
        # What a table of clips does not name is not labelled; beside one of events it is silent.
        shared = place.is_dir() or not table.timed
        named = table.named if shared else (*files, *table.named)
        return replace(table, rows=rows, wrong=(*table.wrong, *others), named=named)


def _train_recordings(
    source: AudioSource, tables: _Tables
) -> tuple[list[ListedRecording], list[str], int]:
    """The recordings, what is wrong with rows, and how many files no row labels."""
    files = _own_files(source)
    true_positives = tables.read(source.true_positives, files)
    rows_tp, wrong_tp = _by_recording(true_positives.rows, files, source.audio)
    wrong = [*true_positives.wrong, *wrong_tp]
    rows_fp: dict[str, tuple[EventRow, ...]] = {}
    labelled = RecordingNames(files).ids(true_positives.named)
    if source.false_positives is not None:
        false_positives = tables.read(source.false_positives, files)
        rows_fp, wrong_fp = _by_recording(false_positives.rows, files, source.audio)
        wrong += [*false_positives.wrong, *wrong_fp]
        labelled = set(rows_tp) | set(rows_fp)
    recordings = [
        _listed(name, files[name], source.root, rows_tp.get(name), rows_fp.get(name), "train")
        for name in sorted(labelled)
    ]
    return recordings, wrong, len(files) - len(labelled)


def _held_recordings(
    source: AudioSource, tables: _Tables, split: Split, wrong: list[str]
) -> list[ListedRecording]:
    """Those of a split that the source has; what is wrong with its rows goes to `wrong`."""
    audio, events = {
        "test": (source.test_audio, source.test_events),
        "validation": (source.validation_audio, source.validation_events),
    }[split]
    if audio is None or events is None:
        return []
    files = recording_files(audio)
    table = tables.read(events, files)
    rows, wrong_rows = _by_recording(table.rows, files, audio)
    wrong += [*table.wrong, *wrong_rows]
    if not rows:
        problem = f"no event fits a recording in {audio.name}{first_of(wrong)}"
        raise NasError(problem, file=events)
    kept = set(rows) if audio == source.audio else RecordingNames(files).ids(table.named)
    if split == "test" and source.test_labels is not None:
        named = read_labelled_recordings(source.test_labels)
        wrong += [
            f"{source.test_labels.name}:{line}: no recording {name!r} in {audio.name}"
            for name, line in named.items()
            if name not in files
        ]
        kept = {name for name in files if name in named or name in rows}
    return [
        _listed(name, files[name], source.root, rows.get(name), None, split)
        for name in sorted(files)
        if name in kept
    ]


def _own_files(source: AudioSource) -> dict[str, Path]:
    """The training recordings: those in their place that are of no other split."""
    audio = source.audio
    files = recording_files(audio)
    for place, events in (
        (source.validation_audio, source.validation_events),
        (source.test_audio, source.test_events),
    ):
        if place is None or events is None or is_rfcx(events):
            continue
        theirs = recording_files(place)
        if place == audio:
            named = RecordingNames(files).ids(read_annotations(events, theirs).named)
            files = {name: path for name, path in files.items() if name not in named}
        elif place.is_relative_to(audio):
            others = set(theirs.values())
            files = {name: path for name, path in files.items() if path not in others}
    return files


def _listed(
    name: str,
    path: Path,
    root: Path,
    rows_tp: tuple[EventRow, ...] | None,
    rows_fp: tuple[EventRow, ...] | None,
    split: Split,
) -> ListedRecording:
    key = path.relative_to(root) if path.is_relative_to(root) else path
    return ListedRecording(name, key.as_posix(), path, rows_tp or (), rows_fp or (), split)


def _by_recording(
    rows: Iterable[EventRow], files: Mapping[str, Path], folder: Path
) -> tuple[dict[str, tuple[EventRow, ...]], list[str]]:
    """Rows by recording, and a line for each row whose recording is not among the files."""
    found: defaultdict[str, list[EventRow]] = defaultdict(list)
    wrong: list[str] = []
    names = RecordingNames(files)
    for row in rows:
        try:
            name = names.find(row.recording_id)
        except ValueError as error:
            wrong.append(f"{row.place}: {error}")
            continue
        if name is None:
            wrong.append(f"{row.place}: no recording {row.recording_id!r} in {folder.name}")
        else:
            found[name].append(replace(row, recording_id=name))
    return {name: tuple(members) for name, members in found.items()}, wrong


def _divided(recordings: Sequence[ListedRecording], seed: int) -> tuple[ListedRecording, ...]:
    """Each recording in its split, by split and id; its events are what is divided by class."""
    facts = [
        RecordingEvents(
            item.key,
            tuple(row.species for row in item.rows_tp),
            None if item.split == "train" else item.split,
            item.group,
        )
        for item in recordings
    ]
    splits = divide_recordings(facts, seed)
    placed = [replace(item, split=splits[item.key]) for item in recordings]
    return tuple(sorted(placed, key=lambda item: (SPLITS.index(item.split), item.id)))


def _grouped(
    recordings: Sequence[ListedRecording], table: Path, root: Path
) -> list[ListedRecording]:
    """`recordings` with the groups of `table`, which must name every file."""
    names = groups_of(table, root, [item.key for item in recordings], "recordings")
    return [replace(item, group=name) for item, name in zip(recordings, names, strict=True)]


def _refuse_crossing(
    train: Sequence[ListedRecording], test: Sequence[ListedRecording], source: Path
) -> None:
    """Raises NasError for a file, or a group, that would be learned from and tested on."""
    both = {item.path.resolve() for item in train} & {item.path.resolve() for item in test}
    if both:
        raise NasError(f"in both train and test: {min(both)}", file=source)
    crossing = {item.group for item in train} & {item.group for item in test} - {None}
    if crossing:
        raise NasError(f"groups in both train and test: {crossing}", file=source)


def _check_classes(
    train: Sequence[ListedRecording],
    classes: Sequence[str],
    source: AudioSource,
    wrong: Sequence[str],
) -> None:
    """Raises NasError unless there are classes, each with a true positive to learn from."""
    if not classes:
        raise NasError(
            f"no row that can be used{first_of(wrong)}",
            file=source.true_positives,
        )
    known = {row.species for recording in train for row in recording.rows_tp}
    lost = [name for name in classes if name not in known]
    if lost:
        shown = ", ".join(map(repr, lost[:5])) + (", ..." if len(lost) > 5 else "")
        raise NasError(
            f"{len(lost)} of {len(classes)} species have no usable true positive: {shown}; add "
            f"some, or leave them out of {source.species.name if source.species else 'the table'}"
            f"{first_of(wrong)}",
            file=source.true_positives,
        )
