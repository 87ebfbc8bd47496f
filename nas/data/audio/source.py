"""Files of recordings in a folder, by the ids that tables name them by."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nas.data.audio.audioset_strong import segment_names
from nas.data.audio.formats import TABLE_SUFFIXES, is_annotation
from nas.data.audio.mel_file import READY_SUFFIX
from nas.data.files import (
    AUDIO_SUFFIXES,
    DESCRIPTION_SUFFIXES,
    FileName,
    is_hidden,
    read_described,
    visible_files,
)
from nas.errors import NasError
from nas.spec.validate import Frozen

RECORDING_SUFFIXES = (*AUDIO_SUFFIXES, READY_SUFFIX)
"""Extensions of recordings in a folder, in lower case."""
_NO_MEDIA = (*TABLE_SUFFIXES, ".md", ".json", ".yaml", ".yml", ".pdf", ".html", ".py", ".zip", "")
"""Endings of what lies beside pictures and recordings alike."""


class AudioDescription(Frozen):
    """A YAML file that says where recordings and tables are; paths are relative to the file."""

    audio: FileName
    """Folder of training recordings, or one recording."""
    true_positives: FileName
    """Table of what sounds, of any format that is read; a folder is that of tables beside its
    recordings, or of class folders."""
    false_positives: FileName | None = None
    """Table of what is known not to sound; without one, what has no row counts as absent."""
    species: FileName | None = None
    """Table species_id, name; null names the species s0, s1, ... Where labels are names, those in
    its column `name` are the classes, and null takes all."""
    validation_audio: FileName | None = None
    """Folder of validation recordings, or one; null takes them from the training ones."""
    validation_events: FileName | None = None
    """Table of all that sounds in them."""
    test_audio: FileName | None = None
    """Folder of test recordings, or one recording; null takes them from the training ones."""
    test_events: FileName | None = None
    """Table of all that sounds in the test recordings."""
    test_labels: FileName | None = None
    """Table whose recording_id column names the labelled test recordings; null is all of them."""


@dataclass(frozen=True)
class AudioSource:
    """The places of a data set; all exist."""

    source: Path
    root: Path
    """What the paths of recordings are given relative to."""
    audio: Path
    true_positives: Path
    false_positives: Path | None = None
    species: Path | None = None
    test_audio: Path | None = None
    test_events: Path | None = None
    test_labels: Path | None = None
    validation_audio: Path | None = None
    validation_events: Path | None = None


def holds_recordings(source: Path) -> bool:
    """Whether `source` has the form of a data set of recordings, and not of pictures."""
    if source.is_dir():
        return (source / "train_tp.csv").exists() or _any_recording(source)
    return source.suffix.lower() in DESCRIPTION_SUFFIXES


def _any_recording(folder: Path) -> bool:
    """Whether there is one before anything else but tables and texts is met."""
    for _, _, names in os.walk(folder):
        suffixes = [Path(name).suffix.lower() for name in names if not is_hidden(name)]
        media = [suffix for suffix in suffixes if suffix not in _NO_MEDIA]
        if media:
            return media[0] in AUDIO_SUFFIXES
    return False


def find_audio_source(source: Path) -> AudioSource:
    """The data set in a folder, or that a YAML file describes.

    A folder has RFCX's layout, tables `train`, `validation` and `test` (or one table) of another
    format, tables beside the recordings, or class folders. RFCX's is `train/` and `train_tp.csv`,
    and where they are `train_fp.csv` and `species.csv`; `test/` is used with a `test_events.csv`
    (and `test_labels.csv`) only.
    Raises NasError for anything else, and for a place that is named and not there.
    """
    if source.is_dir():
        return _from_folder(source)
    return _from_description(source)


def _from_folder(root: Path) -> AudioSource:
    if not (root / "train_tp.csv").exists():
        return _from_other_folder(root)
    if not (root / "train").exists():
        raise NasError("train_tp.csv is here, but no folder 'train'", file=root)
    events = _if_there(root / "test_events.csv")
    test_audio = _if_there(root / "test")
    if events is not None and test_audio is None:
        raise NasError("test_events.csv is here, but no folder 'test'", file=root)
    return AudioSource(
        root,
        root,
        root / "train",
        root / "train_tp.csv",
        _if_there(root / "train_fp.csv"),
        _if_there(root / "species.csv"),
        # RFCX's own test recordings have no labels.
        test_audio if events is not None else None,
        events,
        _if_there(root / "test_labels.csv") if events is not None else None,
    )


def _from_other_folder(root: Path) -> AudioSource:
    """The data set in a folder without RFCX's tables. Raises NasError for one that says nothing."""
    tables = _tables(root)
    train, train_audio = _part(root, "train", tables)
    held: dict[str, Path] = {}
    for split in ("validation", "test"):
        events, audio = _part(root, split, tables)
        if events is not None:
            held |= {f"{split}_audio": audio, f"{split}_events": events}
    if train is None:
        rest = [path for name, path in tables.items() if name not in ("validation", "test")]
        if len(rest) > 1:
            raise NasError(
                f"several tables: {', '.join(path.name for path in rest)}; call one "
                f"train{rest[0].suffix}, or name it as true_positives in a YAML file",
                file=root,
            )
        train, train_audio = rest[0] if rest else root, _audio(root, "audio")
        if not rest and not _any_recording(root):
            raise NasError(
                "no recordings here; a folder holds train_tp.csv and train/, or recordings with a "
                "table of what sounds, tables beside them, or a folder a class; or name a YAML "
                "file that says where they are",
                file=root,
            )
    return AudioSource(root, root, train_audio, train, **held)


def _part(root: Path, split: str, tables: Mapping[str, Path]) -> tuple[Path | None, Path]:
    """What labels a split, and where its recordings are: those of a folder of its name, if it is
    there, or all."""
    names = {"train": ("train",), "test": ("test", "eval")}.get(split, (split, "val", "valid"))
    for name in names:
        audio = _audio(root, name)
        if name in tables:
            return tables[name], audio
        if audio != root:
            return audio, audio
    return None, root


def _audio(root: Path, name: str) -> Path:
    """The folder of that name with recordings in it, else `root`."""
    for folder in (root / name, root / "audio" / name):
        if folder.is_dir() and _any_recording(folder):
            return folder
    return root


def _tables(root: Path) -> dict[str, Path]:
    """Tables of sounds directly in a folder, and in its folder `meta` or `metadata`, by name."""
    folders = [root, *(root / name for name in ("meta", "metadata", "labels"))]
    found = {
        path.stem.lower(): path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in TABLE_SUFFIXES
        and not is_hidden(path.name)
        and is_annotation(path)
    }
    return found


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def _from_description(file: Path) -> AudioSource:
    document, places = read_described(file, AudioDescription)
    if ("test_audio" in places) != ("test_events" in places):
        raise document.error((), "test_audio and test_events must both be given, or neither")
    if ("validation_audio" in places) != ("validation_events" in places):
        raise document.error((), "validation_audio and validation_events go together")
    if "test_labels" in places and "test_audio" not in places:
        raise document.error(("test_labels",), "of no use without test_audio and test_events")
    return AudioSource(file, file.parent, **places)


def recording_files(place: Path) -> dict[str, Path]:
    """File of each recording by its id, in a folder and below it, or of one file.

    The id is the file's name without its ending; with the folders before it where two folders hold
    the same name. Raises NasError for two files of one id.
    """
    paths = [place] if place.suffix.lower() in RECORDING_SUFFIXES else []
    if place.is_dir():
        paths = list(visible_files(place, RECORDING_SUFFIXES))
    stems = Counter(path.stem for path in paths)
    files: dict[str, Path] = {}
    for path in paths:
        name = path.stem
        if stems[name] > 1 and place.is_dir():
            name = path.relative_to(place).with_suffix("").as_posix()
        if name in files:
            raise NasError(
                f"two files of one recording, {files[name].name!r} and {path.name!r}; keep one",
                file=place,
            )
        files[name] = path
    if not files:
        allowed = ", ".join(RECORDING_SUFFIXES)
        raise NasError(f"no recordings here; files are read that end in {allowed}", file=place)
    return files


class RecordingNames:
    """Finds recordings by what tables call them: an id, a path with or without its ending, of
    whatever machine."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._ids = {name.lower(): name for name in files}
        self._by_stem: dict[str, list[str]] = {}
        for name, path in files.items():
            self._by_stem.setdefault(path.stem.lower(), []).append(name)

    def find(self, text: str) -> str | None:
        """The id of the recording; None where there is none. Raises ValueError where several are
        called so."""
        for name in segment_names(_without_ending(text.replace("\\", "/").removeprefix("./"))):
            if name.lower() in self._ids:
                return self._ids[name.lower()]
            found = self._by_stem.get(name.rpartition("/")[2].lower(), [])
            ends = [item for item in found if f"/{name}".lower().endswith(f"/{item}".lower())]
            if len(ends or found) > 1:
                raise ValueError(
                    f"{len(found)} recordings are called {text!r}: write their folders"
                )
            if found:
                return (ends or found)[0]
        return None

    def ids(self, texts: Iterable[str]) -> set[str]:
        """The ids of those that are there, and called so alone."""
        found: set[str] = set()
        for text in texts:
            with suppress(ValueError):
                name = self.find(text)
                found |= set() if name is None else {name}
        return found


def _without_ending(text: str) -> str:
    name, dot, ending = text.rpartition(".")
    return name if dot and f".{ending.lower()}" in RECORDING_SUFFIXES else text
