"""A computed radiograph as a DICOM file, in the forms that scanners write."""

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
