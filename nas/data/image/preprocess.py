"""Preprocessing of pictures, which inference repeats."""

from typing import Literal

from nas.data.preprocess import PixelPreprocess
from nas.spec.preprocess import Preprocess
from nas.spec.validate import Flag


class ImagePreprocess(Preprocess, PixelPreprocess):
    """From a picture file to the network's input: turned, resized to the input, normalised."""

    kind: Literal["image"] = "image"
    turn_portrait: Flag = True
    """Turn portraits by 90 degrees, so that all pictures are landscape."""
