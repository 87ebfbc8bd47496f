"""Recordings of a data set and their labels, listed before any is decoded."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.audio.dataset import EventRow
from nas.data.audio.rfcx import read_events, read_labelled_recordings, read_species, species_in
from nas.data.audio.source import (
    RECORDING_SUFFIXES,
    AudioSource,
    find_audio_source,
    recording_files,
)
from nas.data.audio.splits import RecordingEvents, divide_recordings
from nas.data.files import first_of
from nas.data.listing import Listing
from nas.data.splits import SPLITS, Split
from nas.data.table import groups_of
from nas.errors import NasError


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
    species_ids: tuple[int, ...]
    """Number of each class in the tables."""

    def complete(self, split: Split) -> bool:
        """Whether all that sounds in a split is labelled."""
        return self.places.false_positives is None or (
            split == "test" and self.places.test_events is not None
        )


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
        species = (
            read_species(places.species) if places.species else species_in(places.true_positives)
        )
        train, wrong, ignored = _train_recordings(places, species)
        test, wrong_test = _test_recordings(places, species)
    except OSError as error:
        raise NasError(f"can't be listed: {error}", file=source) from error
    if groups is not None:
        train, test = (_grouped(part, groups, places.root) for part in (train, test))
    _refuse_crossing(train, test, source)
    classes = tuple(species.values())
    _check_classes(train, classes, places, wrong)
    return AudioListing(
        source=source,
        root=places.root,
        files=_divided([*train, *test], seed),
        classes=classes,
        made_splits=("validation",) if test else ("validation", "test"),
        wrong=(*wrong, *wrong_test),
        ignored_files=ignored,
        places=places,
        species_ids=tuple(species),
    )


def _train_recordings(
    source: AudioSource, species: Mapping[int, str]
) -> tuple[list[ListedRecording], list[str], int]:
    """The recordings, what is wrong with rows, and how many files no row labels."""
    files = recording_files(source.audio)
    true_positives = read_events(source.true_positives, species)
    rows_tp, wrong_tp = _by_recording(true_positives.rows, files, source.audio)
    wrong = [*true_positives.wrong, *wrong_tp]
    rows_fp: dict[str, tuple[EventRow, ...]] = {}
    labelled = set(files)
    if source.false_positives is not None:
        false_positives = read_events(source.false_positives, species)
        rows_fp, wrong_fp = _by_recording(false_positives.rows, files, source.audio)
        wrong += [*false_positives.wrong, *wrong_fp]
        labelled = set(rows_tp) | set(rows_fp)
    recordings = [
        _listed(name, files[name], source.root, rows_tp.get(name), rows_fp.get(name), "train")
        for name in sorted(labelled)
    ]
    return recordings, wrong, len(files) - len(labelled)


def _test_recordings(
    source: AudioSource, species: Mapping[int, str]
) -> tuple[list[ListedRecording], list[str]]:
    if source.test_audio is None or source.test_events is None:
        return [], []
    files = recording_files(source.test_audio)
    table = read_events(source.test_events, species)
    rows, wrong_rows = _by_recording(table.rows, files, source.test_audio)
    wrong = [*table.wrong, *wrong_rows]
    if not rows:
        problem = f"no event fits a recording in {source.test_audio.name}{first_of(wrong)}"
        raise NasError(problem, file=source.test_events)
    if source.test_labels is not None:
        named = read_labelled_recordings(source.test_labels)
        wrong += [
            f"{source.test_labels.name}:{line}: no recording {name!r} in {source.test_audio.name}"
            for name, line in named.items()
            if name not in files
        ]
        files = {name: path for name, path in files.items() if name in named or name in rows}
    recordings = [
        _listed(name, files[name], source.root, rows.get(name), None, "test")
        for name in sorted(files)
    ]
    return recordings, wrong


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
    for row in rows:
        if row.recording_id in files:
            found[row.recording_id].append(row)
        else:
            hint = _without_ending(row.recording_id, files)
            wrong.append(f"{row.place}: no recording {row.recording_id!r} in {folder.name}{hint}")
    return {name: tuple(members) for name, members in found.items()}, wrong


def _without_ending(recording_id: str, files: Mapping[str, Path]) -> str:
    """What to write instead of an id that is a file's whole name; else empty."""
    stem, dot, ending = recording_id.rpartition(".")
    known = stem in files and f"{dot}{ending}".lower() in RECORDING_SUFFIXES
    return f"; an id has no ending, write {stem!r}" if known else ""


def _divided(recordings: Sequence[ListedRecording], seed: int) -> tuple[ListedRecording, ...]:
    """Each recording in its split, by split and id; its events are what is divided by class."""
    facts = [
        RecordingEvents(
            item.key,
            tuple(row.species for row in item.rows_tp),
            "test" if item.split == "test" else None,
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
            "no row with a species_id that is a whole number; names belong into a table "
            "species.csv with the columns species_id,name",
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
