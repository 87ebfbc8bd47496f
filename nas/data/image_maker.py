"""From a picture's file to what the cache keeps of it."""

from dataclasses import dataclass
from pathlib import Path

import PIL

from nas.data.decode import DECODE_VERSION, SizedPixels, decode_bytes, refuse_pipe
from nas.spec.preprocess import ImagePreprocess


@dataclass(frozen=True)
class ImageMaker:
    """Makes pixels of pictures; see `nas.data.pixel_maker`."""

    height: int
    width: int
    channels: int
    preprocess: ImagePreprocess

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def key(self) -> dict[str, object]:
        """The parts that change pixels: not the mean and deviation that come after."""
        geometry = self.preprocess.model_dump(include={"turn_portrait", "interpolation"})
        size = {"height": self.height, "width": self.width, "channels": self.channels}
        return {"decode": DECODE_VERSION, "pillow": PIL.__version__, **size, **geometry}

    def __call__(self, path: Path) -> SizedPixels:
        refuse_pipe(path)
        return decode_bytes(path.read_bytes(), *self.shape, self.preprocess)
