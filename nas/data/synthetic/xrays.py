"""Synthetic X-rays: chests in DICOM with SIIM's tables; the built-in set."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import Box
from nas.data.cache import made_folder
from nas.data.synthetic.chest import draw_anatomy, draw_blobs, draw_view, radiograph
from nas.data.table import write_table
from nas.data.xray.folds import FOLDS
from nas.data.xray.siim import STUDY_CLASSES

if TYPE_CHECKING:
    from pydicom import Dataset

_AIR = 64
"""Stored value of darkness."""


@dataclass(frozen=True)
class DicomForm:
    """How a picture is stored."""

    bits: int
    """Of the 16 that a pixel takes, 8 to 16."""
    inverted: bool = False
    """MONOCHROME1: low values are bright."""
    windowed: bool = False
    """With two windows, the first of all but the darkest and brightest hundredths."""
    rescaled: bool = False
    """Stored values mean twice as much, less 1024."""
    compressed: bool = False
    """By RLE, else not at all."""


def dicom_bytes(
    brightness_HW: NDArray[np.float64], form: DicomForm, image_id: str, patient: str
) -> bytes:
    """The file of a picture whose values are 0 (dark) to 1; the same for the same arguments."""
    from pydicom import dcmwrite, uid
    from pydicom.dataset import Dataset, FileMetaDataset

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = uid.ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = f"2.25.{int(sha256(image_id.encode()).hexdigest()[:24], 16)}"
    dataset.Modality = "CR"
    dataset.PatientID = patient
    _add_pixels(dataset, brightness_HW, form)
    if form.compressed:
        dataset.compress(uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _add_pixels(dataset: "Dataset", brightness_HW: NDArray[np.float64], form: DicomForm) -> None:
    most = 2**form.bits - 1
    stored_HW = np.round(_AIR + brightness_HW * (most - 2 * _AIR))
    if form.inverted:
        stored_HW = most - stored_HW
    dataset.Rows, dataset.Columns = brightness_HW.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if form.inverted else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, form.bits, form.bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored_HW.astype("<u2").tobytes()
    slope, intercept = (2, -1024) if form.rescaled else (1, 0)
    if form.rescaled:
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    if form.windowed:
        low, high = (np.percentile(stored_HW, (1, 99)) * slope + intercept).round()
        dataset.WindowCenter = [int(low + high) // 2, most // 2]
        dataset.WindowWidth = [int(high - low), most // 4]


BUILT_IN_XRAY_SOURCE = "generated radiographs"
GENERATED_VERSION = 1
"""Raised whenever the same settings give other X-rays."""

_STUDY_COLUMNS = (
    "id", "Negative for Pneumonia", "Typical Appearance", "Indeterminate Appearance",
    "Atypical Appearance",
)  # fmt: skip
_TURNS = (0, 1, 2, 0, 1, 3, 0, 1, 2, 3)
"""Numbers of the classes of one patient after the other, again and again."""


@dataclass(frozen=True)
class GeneratedXrays:
    """What is generated; the same settings give the same X-rays."""

    patients: int = 130
    second_studies: int = 20
    """Patients with a second study, of a class of its own."""
    copies: int = 10
    """Studies with opacities that have a second image, which nobody marked."""
    shortest: int = 128
    """Side of a picture in pixels, at least; height and width differ."""
    longest: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if self.second_studies > self.patients or not 32 <= self.shortest < self.longest:
            raise ValueError(f"{self}: no more second studies than patients, sides from 32 pixels")


@dataclass(frozen=True)
class _Study:
    number: int
    patient: int
    study_class: str
    fold: int
    images: int


@dataclass(frozen=True)
class _Image:
    name: str
    study: str
    fold: int
    boxes: tuple[Box, ...]


def write_xrays(folder: Path, settings: GeneratedXrays) -> None:
    """Write `train/STUDY/SERIES/IMAGE.dcm` and the tables `train_study_level.csv`,
    `train_image_level.csv` and `meta.csv` into `folder`.

    Files are of 12 or 15 bits, some inverted, windowed, rescaled, compressed. The patient stands in
    their headers alone, meta.csv gives folds: the same splits whatever scikit-learn is installed.
    """
    studies = _draw_studies(settings)
    images = [image for study in studies for image in _write_study(folder, study, settings)]
    write_table(
        folder / "train_study_level.csv",
        _STUDY_COLUMNS,
        (
            (
                f"{_name(settings, 'study', study.number)}_study",
                *(int(study.study_class == name) for name in STUDY_CLASSES),
            )
            for study in studies
        ),
    )
    write_table(
        folder / "train_image_level.csv",
        ("id", "boxes", "label", "StudyInstanceUID"),
        (
            (f"{image.name}_image", _boxes_cell(image.boxes), _label_cell(image.boxes), image.study)
            for image in images
        ),
    )
    rows = ((image.name, image.fold) for image in images)
    write_table(folder / "meta.csv", ("image_id", "fold"), rows)


def built_in_xrays(cache_dir: Path | None) -> AbstractContextManager[Path]:
    """The folder of the built-in set: 160 images of 150 studies of 130 patients.

    Written into the cache once; where that can't be, into a folder that is removed afterwards.
    """
    settings = GeneratedXrays()
    made_by = (GENERATED_VERSION, astuple(settings))
    return made_folder(cache_dir, "xrays", made_by, lambda folder: write_xrays(folder, settings))


def _draw_studies(settings: GeneratedXrays) -> list[_Study]:
    """Each class goes round the folds by its patients' first studies."""
    first = [STUDY_CLASSES[_TURNS[number % len(_TURNS)]] for number in range(settings.patients)]
    seen: Counter[str] = Counter()
    folds = []
    for name in first:
        folds.append(seen[name] % FOLDS)
        seen[name] += 1
    again = np.linspace(0, settings.patients - 1, settings.second_studies).round().astype(int)
    plan = [(patient, first[patient]) for patient in range(settings.patients)]
    plan += [
        (int(patient), STUDY_CLASSES[_TURNS[n % len(_TURNS)]]) for n, patient in enumerate(again)
    ]
    marked = [number for number, (_, name) in enumerate(plan) if name != "negative"]
    copied = set(marked[:: max(len(marked) // max(settings.copies, 1), 1)][: settings.copies])
    return [
        _Study(number, patient, name, folds[patient], 1 + (number in copied))
        for number, (patient, name) in enumerate(plan)
    ]


def _write_study(folder: Path, study: _Study, settings: GeneratedXrays) -> Iterator[_Image]:
    """Write the study's images, of one view; the first alone has its boxes in the table."""
    anatomy = draw_anatomy(np.random.default_rng([settings.seed, 0, study.patient]))
    generator = np.random.default_rng([settings.seed, 1, study.number])
    blobs, view = draw_blobs(study.study_class, generator), draw_view(generator)
    sides = generator.permutation(np.arange(settings.shortest, settings.longest + 1))
    size = int(sides[0]), int(sides[1])
    study_id = _name(settings, "study", study.number)
    series = folder / "train" / study_id / _name(settings, "series", study.number)
    series.mkdir(parents=True)
    for number in range(study.images):
        name = _name(settings, "image", study.number, number)
        brightness_HW, boxes = radiograph(anatomy, blobs, view, size, generator)
        patient = _name(settings, "patient", study.patient)
        content = dicom_bytes(brightness_HW, _form(study.number + number), name, patient)
        (series / f"{name}.dcm").write_bytes(content)
        yield _Image(name, study_id, study.fold, () if number else boxes)


def _form(number: int) -> DicomForm:
    """All combinations, as numbers go on."""
    return DicomForm(
        bits=15 if number % 2 else 12,
        inverted=number % 4 == 1,
        windowed=number % 3 == 0,
        rescaled=number % 7 == 0,
        compressed=number % 5 == 2,
    )


def _name(settings: GeneratedXrays, *what: object) -> str:
    """Twelve hexadecimal digits, as SIIM's ids have."""
    return sha256(repr((settings.seed, what)).encode()).hexdigest()[:12]


def _boxes_cell(boxes: Sequence[Box]) -> str:
    mappings = [{"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1} for x1, y1, x2, y2 in boxes]
    return repr(mappings) if mappings else ""


def _label_cell(boxes: Sequence[Box]) -> str:
    texts = [f"opacity 1 {x1:g} {y1:g} {x2:g} {y2:g}" for x1, y1, x2, y2 in boxes]
    return " ".join(texts) or "none 1 0 0 1 1"
