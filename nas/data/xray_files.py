"""Files of X-rays anywhere below a folder, by the ids that tables name them by."""

from pathlib import Path

from nas.data.visible_files import visible_files
from nas.data.xray_file import XRAY_SUFFIXES
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
        raise NasError(
            "no X-rays here; files are read that end in .dcm, .dicom, .png, .jpg, .jpeg, or as "
            "another picture",
            file=folder,
        )
    return files
