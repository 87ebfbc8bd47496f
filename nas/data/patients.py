"""Whose X-ray a file is, as its DICOM header says."""

from collections.abc import Sequence
from pathlib import Path

from nas.data.decode import guarded_pillow
from nas.data.dicom import patient_of
from nas.data.file_memo import FileMemo


class PatientMemo:
    """Patients of the files below one folder; each header is read once and then remembered."""

    def __init__(self, cache_dir: Path | None, root: Path) -> None:
        self._memo = FileMemo(cache_dir, root, "patients")

    def patients(self, paths: Sequence[Path]) -> list[str | None]:
        """PatientID of each file; None where the file is no DICOM, has none or can't be read."""
        with guarded_pillow():
            return [patient or None for patient in self._memo.recall(paths, _patient)]


def _patient(path: Path) -> str | None:
    """Empty for a file that names nobody, which is remembered too."""
    try:
        return patient_of(path) or ""
    except OSError:
        return None
