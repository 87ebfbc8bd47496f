"""Which X-rays a submission is for: all of a folder, or a split of labelled data."""

from collections.abc import Sequence
from pathlib import Path

from nas.data.listed_xray import ListedXray
from nas.data.split_names import Split
from nas.data.storage import default_cache_dir
from nas.data.xray_files import xray_files
from nas.data.xray_listing import list_xrays
from nas.errors import NasError
from nas.metrics.competition import CompetitionTruth
from nas.tasks.covid.findings import SubmittedXray


def xrays_in(folder: Path) -> list[SubmittedXray]:
    """The X-rays of `FOLDER/STUDY/SERIES/IMAGE.dcm` or `FOLDER/STUDY/IMAGE.jpg`, by image id.

    An image's id is its file's name, its study's the folder right below `folder`. Raises NasError
    for an id that two files have, a file outside of a study's folder, and for no files.
    """
    found = []
    for image_id, path in sorted(xray_files(folder).items()):
        study, *rest = path.relative_to(folder).parts
        if not rest:
            raise NasError("lies in no study's folder; needed is STUDY/IMAGE below this", file=path)
        found.append(SubmittedXray(image_id, study, path))
    return found


def listed_for_submission(
    data: Path, split: Split | None, fold: int, groups: Path | None = None
) -> tuple[ListedXray, ...]:
    """The images of a labelled data set, or of one split of it (with this fold as its test split).

    `groups` is the table that the folds keep together. Raises NasError for data that are none, and
    for a split without images.
    """
    listing = list_xrays(data, fold, groups, default_cache_dir())
    chosen = tuple(item for item in listing.images if split in (None, item.split))
    if not chosen:
        raise NasError(f"no images in the {split} split", file=data)
    return chosen


def submitted(images: Sequence[ListedXray]) -> list[SubmittedXray]:
    """The same images, as a submission has them."""
    return [SubmittedXray(item.id, item.study_id, item.path) for item in images]


def truth_of(images: Sequence[ListedXray]) -> CompetitionTruth:
    """What the tables say of these images and of their studies."""
    return CompetitionTruth(
        {item.study_id: (item.study_class,) for item in images},
        {item.id: list(item.boxes) for item in images},
    )
