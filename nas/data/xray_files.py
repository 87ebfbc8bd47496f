"""Files of X-rays anywhere below a folder, by the ids that tables name them by."""

from pathlib import Path

from nas.data.visible_files import visible_files
from nas.data.xray_file import DICOM_SUFFIXES, XRAY_SUFFIXES
from nas.errors import NasError


def xray_files(folder: Path) -> dict[str, Path]:
    """File of each image by its id, the name without its ending.

    Raises NasError for two files of one id, and where there is none.
    """
    files: dict[str, Path] = {}
    for path in visible_files(folder, XRAY_SUFFIXES):
        if path.stem in files:
            both = [file.relative_to(folder).as_posix() for file in (files[path.stem], path)]
            problem = f"two files of one image, {both[0]!r} and {both[1]!r}; keep one"
            raise NasError(problem, file=folder)
        files[path.stem] = path
    if not files:
        endings = ", ".join([*sorted(DICOM_SUFFIXES), *sorted(XRAY_SUFFIXES - DICOM_SUFFIXES)])
        raise NasError(f"no X-rays here; files are read that end in {endings}", file=folder)
    return files


def no_files(folder: Path) -> dict[str, Path]:
    """What has the name of an image and is a folder, a pipe or a broken link, by the image's id."""
    return {
        path.stem: path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in XRAY_SUFFIXES and not path.is_file()
    }
