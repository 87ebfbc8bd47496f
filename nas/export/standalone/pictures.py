"""All of inference on pictures: python predict_onnx.py model.onnx photo.jpg more/*.png

Needs numpy, onnxruntime and Pillow alone; what it must know stands in the file's metadata. Prints
JSON as `nas predict` does, which wrote this program beside the file. X-rays must be pictures here;
DICOM is for `nas predict`.
"""

import json
import sys
import warnings
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

Array = NDArray[Any]
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
STRIDES = (8, 16, 32)
MIN_SCORE, MAX_IOU, CANDIDATES, MOST_BOXES = 0.01, 0.5, 500, 100


class PictureModel:
    """The network in an ONNX file, and what the file says of it."""

    def __init__(self, path: str) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        said = self.session.get_modelmeta().custom_metadata_map
        self.classes: list[str] = json.loads(said["classes"])
        self.thresholds: dict[str, float] = json.loads(said["thresholds"])
        self.preprocess: dict[str, Any] = json.loads(said["preprocess"])
        self.normalises: bool = json.loads(said["normalises"])
        self.notice: str = said["notice"]
        shape = json.loads(said["inputs"])[0]["shape"][1:]
        self.height, self.width, self.channels = (
            shape if self.normalises else (*shape[1:], shape[0])
        )

    def predict(self, path: str) -> dict[str, Any]:
        """What is found in one picture."""
        pixels_HWC, original_size = read_picture(
            path, self.height, self.width, self.channels, self.preprocess
        )
        inputs = pixels_HWC[None]
        if not self.normalises:
            mean, std = (np.array(self.preprocess[name]) for name in ("mean", "std"))
            inputs = ((inputs / 255 - mean) / std).astype(np.float32).transpose(0, 3, 1, 2)
        outputs = self.session.run(None, {"input": np.ascontiguousarray(inputs)})
        if len(outputs) == 1 and self.thresholds:
            values = label_values(outputs[0][0], self.classes, self.thresholds)
        elif len(outputs) == 1:
            values = class_values(outputs[0][0], self.classes)
        else:
            found = decode_boxes([output[0] for output in outputs], self.height, self.width)
            values = box_values(*found, original_size, self)
        return {**values, "notice": self.notice} if self.notice else values


def read_picture(
    path: str, height: int, width: int, channels: int, preprocess: dict[str, Any]
) -> tuple[Array, tuple[int, int]]:
    """Pixels (H, W, C), uint8, and the picture's own height and width."""
    grey = channels == 1 or preprocess["kind"] == "xray"
    turn = preprocess.get("turn_portrait", False)
    Image.init()
    with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as opened:
        sideways = opened.getexif().get(0x0112) in (5, 6, 7, 8)  # orientation
        original = opened.size if sideways else opened.size[::-1]
        turned = turn and original[0] > original[1]
        # A large JPEG is decoded at a half, quarter or eighth.
        wanted = (width, height) if turned == sideways else (height, width)
        opened.draft(None, (2 * wanted[0], 2 * wanted[1]))
        image = eight_bit(ImageOps.exif_transpose(opened), "L" if grey else "RGB")
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
    image = image.resize((width, height), FILTERS[preprocess["interpolation"]])
    pixels = np.asarray(image).reshape(height, width, -1)
    return np.repeat(pixels, channels // pixels.shape[2], axis=2), original


def eight_bit(image: Image.Image, mode: str) -> Image.Image:
    """The picture in 8 bits, 16-bit grey scaled, transparency on white."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range: save as 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int32)
        if values.min() < 0 or values.max() > 65_535:
            raise ValueError("pixels beyond 16 bits have no known range: save as 8 or 16 bits")
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def class_values(logits_K: Array, classes: list[str]) -> dict[str, Any]:
    """The likeliest class, and the probability of each."""
    shares_K = np.exp(logits_K - logits_K.max())
    row = (shares_K / shares_K.sum()).tolist()
    best = int(logits_K.argmax())
    probabilities = dict(zip(classes, row, strict=True))
    return {"class": classes[best], "probability": row[best], "probabilities": probabilities}


def label_values(
    logits_K: Array, classes: list[str], thresholds: dict[str, float]
) -> dict[str, Any]:
    """The labels from their thresholds on, and the probability of each."""
    probabilities = dict(zip(classes, sigmoid(logits_K.astype(np.float64)).tolist(), strict=True))
    found = [name for name in classes if probabilities[name] >= thresholds[name]]
    return {"labels": "|".join(found), "probabilities": probabilities}


def decode_boxes(outputs: list[Array], height: int, width: int) -> tuple[Array, Array]:
    """Boxes (B, 4) as x1 y1 x2 y2 in pixels of the input and their scores, by falling score."""
    class_logits_PK, distances_P4, centre_logits_P = outputs
    places = []
    for stride in STRIDES:
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        places.append(np.stack([x.ravel(), y.ravel()], 1) * stride + stride / 2)
    centre_P2 = np.concatenate(places).astype(np.float32)
    corners = centre_P2 - distances_P4[:, :2], centre_P2 + distances_P4[:, 2:]
    boxes = np.concatenate(corners, 1).clip(0, (width, height, width, height))
    scores = np.sqrt(sigmoid(class_logits_PK[:, 0]) * sigmoid(centre_logits_P))
    order = np.argsort(-scores, kind="stable")[:CANDIDATES]
    order = order[(scores[order] >= MIN_SCORE) & (boxes[order, 2:] > boxes[order, :2]).all(1)]
    kept: list[int] = []
    for place in order:
        if all(overlap(boxes[place], boxes[other]) <= MAX_IOU for other in kept):
            kept.append(int(place))
    return boxes[kept[:MOST_BOXES]].astype(np.float64), scores[kept[:MOST_BOXES]]


def sigmoid(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-logits)))


def overlap(one: Array, other: Array) -> float:
    """Intersection over union."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = float(sides.clip(0).prod())
    return common / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common)


def box_values(
    boxes_B4: Array, scores_B: Array, original_size: tuple[int, int], model: PictureModel
) -> dict[str, Any]:
    """The boxes from the threshold on, in pixels of the picture."""
    (name,) = model.classes
    by_y, by_x = original_size[0] / model.height, original_size[1] / model.width
    scaled = (boxes_B4 * (by_x, by_y, by_x, by_y)).round(2).tolist()
    boxes = [
        {"class": name, "score": score, **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))}
        for box, score in zip(scaled, scores_B.tolist(), strict=True)
        if score >= model.thresholds[name]
    ]
    none = 1 - float(scores_B.max(initial=0.0))
    return {"opacities": len(boxes), "none": none, "boxes": boxes}


def main() -> None:
    """Print what is found in each of the files."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    model = PictureModel(sys.argv[1])
    rows = []
    for path in sys.argv[2:]:
        try:
            rows.append({"file": path, **model.predict(path)})
        except Exception as error:  # of nearly every kind, where files are broken
            rows.append({"file": path, "error": str(error)})
    print(json.dumps(rows, indent=2, ensure_ascii=False))
    sys.exit(any("error" in row for row in rows))


if __name__ == "__main__":
    main()
