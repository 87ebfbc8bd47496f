"""What inference must repeat of how X-rays were prepared."""

from typing import Literal

from nas.data.preprocess import PixelPreprocess
from nas.spec.preprocess import Preprocess

XrayLabels = Literal["study", "opacity", "boxes"]
"""What is learned of chest X-rays: the study's four classes, whether an image has an opacity, or
where its opacities are."""


class XrayPreprocess(Preprocess, PixelPreprocess):
    """From an X-ray, DICOM or picture, to the network's input: grey, resized, normalised.

    A DICOM is decoded through its rescaling and its window, and inverted where low values are
    bright; then its values are spread over 0 to 255. Height and width are scaled each by itself.
    """

    kind: Literal["xray"] = "xray"
    labels: XrayLabels | None = None
    """What the classes are of: `study`, `opacity` or `boxes`; null is the task's own."""
