"""The usual way to read X-rays for a detector, which ours is measured against.

An image is an item of a Dataset: pydicom or PIL decodes its file, torchvision's v2 transforms
resize and augment it together with its boxes, and DataLoader workers collate them; all of it anew
in each epoch.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom
import torch
from PIL import Image
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from benchmarks.usual_loader import usual_loader
from nas.data.boxes import Box
from nas.data.decode import PICTURE_FORMATS
from nas.data.xray.dataset import ListedXray
from nas.spec.definition import InputSpec
from nas.tasks.base import Batch
from nas.tasks.covid.batches import BoxTargets

Item = tuple[Tensor, Tensor]


def usual_pixels(path: Path) -> Tensor:
    """The file as uint8 (1, H, W): DICOM windowed as it says, bright where bone is."""
    if path.suffix.lower() not in (".dcm", ".dicom"):
        opened = Image.open(path, formats=PICTURE_FORMATS)
        return torch.from_numpy(np.array(opened.convert("L")))[None]
    dataset = pydicom.dcmread(path)
    plane = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    plane = plane.astype(np.float32) - plane.min()
    plane /= max(plane.max(), 1)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        plane = 1 - plane
    return torch.from_numpy((plane * 255).astype(np.uint8))[None]


class UsualXrays(Dataset[Item]):
    """Images with their boxes (B, 4), resized and augmented about as ours are."""

    def __init__(self, images: tuple[ListedXray, ...], size: InputSpec) -> None:
        self._images, self._channels = images, size.channels
        self._change = v2.Compose(
            [
                v2.Resize((size.height, size.width), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.RandomAffine(0, translate=(0.05, 0.05), scale=(0.85, 1.15)),
                v2.ColorJitter(brightness=0.2, contrast=0.2),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5], [0.25]),
            ]
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Item:
        item = self._images[index]
        pixels = usual_pixels(item.path)
        x, boxes = self._change(tv_tensors.Image(pixels), _boxes(item.boxes, pixels))
        return x.as_subclass(Tensor).expand(self._channels, -1, -1), boxes.as_subclass(Tensor)


def usual_xrays(
    images: tuple[ListedXray, ...], size: InputSpec, batch_size: int, workers: int
) -> Iterable[Batch]:
    """Shuffled batches of the images."""
    return usual_loader(UsualXrays(images, size), _collated, batch_size, workers)


def _boxes(boxes: tuple[Box, ...], pixels: Tensor) -> tv_tensors.BoundingBoxes:
    coordinates = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    height, width = pixels.shape[1:]
    return tv_tensors.BoundingBoxes(coordinates, format="XYXY", canvas_size=(height, width))


def _collated(items: list[Item]) -> tuple[Tensor, BoxTargets]:
    x_NCHW = torch.stack([x for x, _ in items])
    boxes = tuple(boxes for _, boxes in items)
    labels_N = torch.tensor([int(len(found) > 0) for found in boxes])
    return x_NCHW, BoxTargets(boxes, labels_N, (x_NCHW.shape[2], x_NCHW.shape[3]))
