"""Spectrograms that someone made before, read in place of recordings."""

from pathlib import Path
from threading import Lock
from zipfile import BadZipFile

import numpy as np

from nas.data.audio import UnreadableAudio, refuse_no_file
from nas.data.mel import Mel

READY_SUFFIX = ".npz"

_READING = Lock()
"""numpy reads headers with `ast`, which fails now and then where two threads do (CPython 3.11)."""


def read_ready_mel(path: Path, bands: int) -> Mel:
    """The one array of a `.npz` file with two axes and `bands` rows, as float32 (bands, frames).

    Its values are taken for the dB of our own spectrograms. Raises UnreadableAudio for a broken
    file, for none or several such arrays, and for values that are no numbers.
    """
    refuse_no_file(path)
    try:
        with (
            _READING,
            open(path, "rb") as stream,
            np.load(stream, allow_pickle=False) as archive,
        ):
            arrays = {name: archive[name] for name in archive.files}
    # numpy hands a file that is no archive to pickle (ValueError), or gives its one array.
    except (OSError, ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise UnreadableAudio(f"no .npz file of numbers: {error}") from error
    fitting = [name for name, array in arrays.items() if _fits(array, bands)]
    if len(fitting) != 1:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise UnreadableAudio(f"not one array of {bands} rows and some columns: holds {found}")
    return np.asarray(arrays[fitting[0]], dtype=np.float32)


def _fits(array: np.ndarray, bands: int) -> bool:
    numbers = np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    return numbers and array.ndim == 2 and array.shape[0] == bands and array.shape[1] > 0
