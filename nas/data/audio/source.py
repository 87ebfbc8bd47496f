"""Files of recordings in a folder, by the ids that tables name them by."""

from dataclasses import dataclass
from pathlib import Path

from nas.data.audio.decode import AUDIO_SUFFIXES
from nas.data.audio.mel_file import READY_SUFFIX
from nas.data.files import DESCRIPTION_SUFFIXES, FileName, Links, read_described
from nas.errors import NasError
from nas.spec.validate import Frozen

RECORDING_SUFFIXES = (*AUDIO_SUFFIXES, READY_SUFFIX)
"""Extensions of recordings in a folder, in lower case."""


class AudioDescription(Frozen):
    """A YAML file that says where recordings and tables are; paths are relative to the file."""

    audio: FileName
    """Folder of training recordings, or one recording."""
    true_positives: FileName
    """Table of what sounds: recording_id, species_id, t_min, t_max, perhaps more."""
    false_positives: FileName | None = None
    """Table of what is known not to sound; without one, what has no row counts as absent."""
    species: FileName | None = None
    """Table species_id, name; null names the species s0, s1, ..."""
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


def holds_recordings(source: Path) -> bool:
    """Whether `source` has the form of a data set of recordings, and not of pictures."""
    if source.is_dir():
        return (source / "train_tp.csv").exists()
    return source.suffix.lower() in DESCRIPTION_SUFFIXES


def find_audio_source(source: Path) -> AudioSource:
    """The data set in a folder in RFCX's layout, or that a YAML file describes.

    The layout is `train/` and `train_tp.csv`, and where they are `train_fp.csv` and `species.csv`;
    `test/` is used with a `test_events.csv` (and `test_labels.csv`) only.
    Raises NasError for anything else, and for a place that is named and not there.
    """
    if source.is_dir():
        return _from_folder(source)
    return _from_description(source)


def _from_folder(root: Path) -> AudioSource:
    for name in ("train_tp.csv", "train"):
        if not (root / name).exists():
            raise NasError(
                f"no {name!r} here; a folder of recordings holds train_tp.csv and train/ (and "
                "train_fp.csv, species.csv, test_events.csv and test/), or name a YAML file that "
                "says where they are",
                file=root,
            )
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


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def _from_description(file: Path) -> AudioSource:
    document, places = read_described(file, AudioDescription)
    if ("test_audio" in places) != ("test_events" in places):
        raise document.error((), "test_audio and test_events must both be given, or neither")
    if "test_labels" in places and "test_audio" not in places:
        raise document.error(("test_labels",), "of no use without test_audio and test_events")
    return AudioSource(file, file.parent, **places)


def recording_files(place: Path) -> dict[str, Path]:
    """File of each recording by its id, the name without its ending, in a folder or of one file.

    Raises NasError for two files of one id.
    """
    files: dict[str, Path] = {}
    links = Links(place)
    for path in sorted(place.iterdir()) if place.is_dir() else [place]:
        if path.suffix.lower() not in RECORDING_SUFFIXES or path.name.startswith("."):
            continue
        if place.is_dir():
            links.note(path)
        if path.stem in files:
            raise NasError(
                f"two files of one recording, {files[path.stem].name!r} and {path.name!r}; keep "
                "one",
                file=place,
            )
        files[path.stem] = path
    links.tell()
    if not files:
        allowed = ", ".join(RECORDING_SUFFIXES)
        raise NasError(f"no recordings here; files are read that end in {allowed}", file=place)
    return files
