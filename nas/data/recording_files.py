"""Files of recordings in a folder, by the ids that tables name them by."""

from pathlib import Path

from nas.data.audio import AUDIO_SUFFIXES
from nas.data.ready_mel import READY_SUFFIX
from nas.errors import NasError

RECORDING_SUFFIXES = (*AUDIO_SUFFIXES, READY_SUFFIX)
"""Endings of the files that are taken for recordings in a folder, in lower case."""


def recording_files(place: Path) -> dict[str, Path]:
    """File of each recording by its id, the name without its ending, in a folder or of one file.

    Raises NasError for two files of one id.
    """
    files: dict[str, Path] = {}
    for path in sorted(place.iterdir()) if place.is_dir() else [place]:
        if path.suffix.lower() not in RECORDING_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in files:
            raise NasError(
                f"two files of one recording, {files[path.stem].name!r} and {path.name!r}; keep "
                "one",
                file=place,
            )
        files[path.stem] = path
    if not files:
        allowed = ", ".join(RECORDING_SUFFIXES)
        raise NasError(f"no recordings here; files are read that end in {allowed}", file=place)
    return files
