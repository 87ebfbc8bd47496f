"""What the cache needs to know of a kind of pictures: how a file becomes pixels of one shape."""

from pathlib import Path
from typing import Protocol

from nas.data.decode import SizedPixels


class PixelMaker(Protocol):
    """Makes pixels of one setting; may be called from several threads."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of all that it makes."""

    def key(self) -> dict[str, object]:
        """All that pixels depend on beside the file's content."""

    def __call__(self, path: Path) -> SizedPixels:
        """Pixels and original size. Raises UnreadableImage and OSError.

        Called under `nas.data.decode.guarded_pillow`.
        """
