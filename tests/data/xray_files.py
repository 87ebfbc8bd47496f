"""Writes small X-rays as DICOM, and data sets of them in Kaggle's layout."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from nas.data.boxes import Box


def dataset_of(pixels: np.ndarray, syntax: UID = ExplicitVRLittleEndian, **elements) -> Dataset:
    """A DICOM data set of grey (H, W) or colour (H, W, 3) pixels; `elements` replace the usual."""
    stored_bits = 8 * pixels.itemsize
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = "2.25.1"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = stored_bits
    dataset.HighBit = stored_bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = "<" if syntax.is_little_endian else ">"
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if stored_bits == 8 and len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    dataset["PixelData"].VR = "OW"
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def content_of(dataset: Dataset, *, preamble: bool = True) -> bytes:
    """The file's bytes."""
    stream = BytesIO()
    if preamble:
        dcmwrite(stream, dataset, enforce_file_format=True)
    else:
        syntax = dataset.file_meta.TransferSyntaxUID
        del dataset.file_meta
        dcmwrite(
            stream,
            dataset,
            implicit_vr=syntax.is_implicit_VR,
            little_endian=syntax.is_little_endian,
        )
    return stream.getvalue()


def encoded_by_gdcm(content: bytes, syntax: str, folder: Path) -> bytes:
    """The same file in a transfer syntax by gdcm's name, such as `JPEG2000`."""
    # After pydicom, which loads zlib: gdcm's own zlib otherwise takes the system's place, and both
    # break (python-gdcm 3.2.6).
    import gdcm

    before, after = folder / "before.dcm", folder / "after.dcm"
    before.write_bytes(content)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(before))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(after))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return after.read_bytes()


Images = Mapping[str, tuple[str, Sequence[Box]]]
"""Study and boxes of each image by its id."""


def write_dicom(path: Path, pixels: np.ndarray | None = None, **elements) -> None:
    """A DICOM file; noise of 12 x 16 pixels that its name decides, where no pixels are given."""
    if pixels is None:
        generator = np.random.default_rng([*path.name.encode()])
        pixels = generator.integers(0, 4096, (12, 16)).astype(np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content_of(dataset_of(pixels, **elements)))


def write_tables(
    root: Path, studies: Mapping[str, str], images: Images, split: str = "train"
) -> None:
    """`SPLIT_study_level.csv` and `SPLIT_image_level.csv` as Kaggle writes them."""
    names = ("negative", "typical", "indeterminate", "atypical")
    lines = [
        "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance"
    ]
    for study, name in studies.items():
        lines.append(f"{study}_study," + ",".join(str(int(name == each)) for each in names))
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{split}_study_level.csv").write_text("\n".join(lines) + "\n")
    lines = ["id,boxes,label,StudyInstanceUID"]
    for image, (study, boxes) in images.items():
        lines.append(f"{image}_image,{boxes_cell(boxes)},{label_cell(boxes)},{study}")
    (root / f"{split}_image_level.csv").write_text("\n".join(lines) + "\n")


def boxes_cell(boxes: Sequence[Box]) -> str:
    items = [{"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1} for x1, y1, x2, y2 in boxes]
    return f'"{items}"' if items else ""


def label_cell(boxes: Sequence[Box]) -> str:
    texts = ["opacity 1 " + " ".join(map(str, box)) for box in boxes]
    return " ".join(texts) or "none 1 0 0 1 1"


CLASSES = ("negative", "typical", "indeterminate", "atypical")


def write_set(root: Path, studies: int = 20) -> tuple[dict[str, str], dict]:
    """`train/STUDY/IMAGE.dcm` of studies s00, s01, ... of one image (i00, ...) each, whose classes
    go round; all but the negative ones have a box. The rows of both tables."""
    classes = {f"s{n:02d}": CLASSES[n % 4] for n in range(studies)}
    images = {
        f"i{n:02d}": (f"s{n:02d}", [(2.0, 3.0, 10.0, 9.0)] if n % 4 else []) for n in range(studies)
    }
    for image, (study, _) in images.items():
        write_dicom(root / "train" / study / f"{image}.dcm")
    write_tables(root, classes, images)
    return classes, images
