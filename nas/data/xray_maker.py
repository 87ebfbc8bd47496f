"""From an X-ray's file to what the cache keeps of it."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import PIL

from nas.data.decode import DECODE_VERSION, SizedPixels
from nas.data.xray_file import XRAY_VERSION, decode_guarded
from nas.spec.preprocess import XrayPreprocess


@dataclass(frozen=True)
class XrayMaker:
    """Makes pixels of X-rays; see `nas.data.pixel_maker`."""

    height: int
    width: int
    channels: int
    preprocess: XrayPreprocess

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def key(self) -> dict[str, object]:
        """The parts that change pixels: not the mean and deviation, nor what the labels are."""
        return {
            "xray": XRAY_VERSION,
            "decode": DECODE_VERSION,
            "pillow": PIL.__version__,
            "pydicom": version("pydicom"),
            "gdcm": version("python-gdcm"),
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "interpolation": self.preprocess.interpolation,
        }

    def __call__(self, path: Path) -> SizedPixels:
        return decode_guarded(path, *self.shape, self.preprocess)
