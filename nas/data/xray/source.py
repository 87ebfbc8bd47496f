"""Files of X-rays anywhere below a folder, by the ids that tables name them by."""

from dataclasses import dataclass
from pathlib import Path

from nas.data.files import DESCRIPTION_SUFFIXES, FileName, read_described, visible_files
from nas.data.xray.decode import DICOM_SUFFIXES, XRAY_SUFFIXES
from nas.errors import NasError
from nas.spec.load import read_document
from nas.spec.validate import Frozen

_TEST_KEYS = ("test_images", "test_study_table", "test_image_table")


class XrayDescription(Frozen):
    """A YAML file that says where X-rays and tables are; paths are relative to the file."""

    images: FileName
    """Folder of training images, at any depth: a file's name without its ending is its id."""
    study_table: FileName
    """Table of the study's class: id and a column for each of the four."""
    image_table: FileName
    """Table id, boxes, label, StudyInstanceUID."""
    meta: FileName | None = None
    """Table image_id and any of patient and fold."""
    test_images: FileName | None = None
    """Folder of test images; null takes them from the training ones."""
    test_study_table: FileName | None = None
    """As study_table, of the test images."""
    test_image_table: FileName | None = None
    """As image_table, of the test images."""


@dataclass(frozen=True)
class LabelledFolder:
    """Images of one split and the tables that label them."""

    images: Path
    study_table: Path
    image_table: Path


@dataclass(frozen=True)
class XraySource:
    """The places of a data set; all exist."""

    source: Path
    root: Path
    """What the paths of images are given relative to."""
    train: LabelledFolder
    test: LabelledFolder | None = None
    meta: Path | None = None


def holds_xrays(source: Path) -> bool:
    """Whether `source` has the form of a data set of X-rays: a table of images, or a YAML file
    with a key of `XrayDescription`. Raises NasError for a YAML file that can't be read.
    """
    if source.is_dir():
        return (source / "train_image_level.csv").exists()
    if source.suffix.lower() not in DESCRIPTION_SUFFIXES or not source.is_file():
        return False
    keys = read_document(source).data
    return isinstance(keys, dict) and not XrayDescription.model_fields.keys().isdisjoint(keys)


def find_xray_source(source: Path) -> XraySource:
    """The data set in a folder in Kaggle's layout, or that a YAML file describes.

    The layout is `train/`, `train_study_level.csv` and `train_image_level.csv`, and where it is
    `meta.csv`; `test/` is used with `test_study_level.csv` and `test_image_level.csv` only.
    Raises NasError for anything else, and for a place that is named and not there.
    """
    if source.is_dir():
        return _from_folder(source)
    return _from_description(source)


def _from_folder(root: Path) -> XraySource:
    for name in ("train_image_level.csv", "train_study_level.csv", "train"):
        if not (root / name).exists():
            raise NasError(
                f"no {name!r} here; a folder of X-rays holds train_study_level.csv, "
                "train_image_level.csv and train/ (and meta.csv, and the same of test), or name a "
                "YAML file that says where they are",
                file=root,
            )
    meta = root / "meta.csv"
    return XraySource(
        root, root, _kaggle(root, "train"), _test_folder(root), meta if meta.exists() else None
    )


def _kaggle(root: Path, split: str) -> LabelledFolder:
    return LabelledFolder(
        root / split, root / f"{split}_study_level.csv", root / f"{split}_image_level.csv"
    )


def _test_folder(root: Path) -> LabelledFolder | None:
    """Kaggle's own test images have no tables: they are of no use here."""
    test = _kaggle(root, "test")
    if not test.study_table.exists() and not test.image_table.exists():
        return None
    for place in (test.images, test.study_table, test.image_table):
        if not place.exists():
            raise NasError(f"a table of the test split is here, but no {place.name!r}", file=root)
    return test


def _from_description(file: Path) -> XraySource:
    document, places = read_described(file, XrayDescription)
    given = [key for key in _TEST_KEYS if key in places]
    if given and len(given) < len(_TEST_KEYS):
        raise document.error((given[0],), f"{', '.join(_TEST_KEYS)} go together: all, or none")
    train = LabelledFolder(places["images"], places["study_table"], places["image_table"])
    test = LabelledFolder(*(places[key] for key in _TEST_KEYS)) if given else None
    return XraySource(file, file.parent, train, test, places.get("meta"))


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
