"""The same content in two splits, and nearly the same: every one is told, others are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from nas.data import copies
from nas.data.copies import near_pairs, same_content
from nas.data.dataset import DataRequest
from nas.data.image.load import load_images
from nas.errors import NasError
from nas.spec.definition import InputSpec

SIZE = InputSpec(channels=3, height=48, width=64)


def scene(seed: int) -> Image.Image:
    """A picture of some soft shapes, as no other seed gives it."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((128, 96), Image.Resampling.BICUBIC)


def small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((64, 48)))


def write(root: Path, pictures: dict[str, Image.Image]) -> None:
    for name, image in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name)


def data_set(root: Path) -> None:
    pictures = {
        f"{split}/{label}/{n}.png": scene(hash((k, n, m)) % 2**32)
        for k, split in enumerate(("train", "val", "test"))
        for m, label in enumerate("ab")
        for n in range(3)
    }
    write(root, pictures)


def test_all_copies_are_told_once() -> None:
    parts = {
        "train": [("a", "1"), ("b", "2"), ("c", "2")],
        "validation": [("d", "3"), ("e", "1")],
        "test": [("f", "3"), ("g", "1"), ("h", "1"), ("i", "9")],
    }
    assert list(same_content(parts).values()) == [
        "e (validation) = a (train)",
        "f (test) = d (validation)",
        "g (test) = a (train)",
        "h (test) = a (train)",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((70, 50)),
        lambda image: image.convert("L"),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
        lambda image: image.filter(ImageFilter.GaussianBlur(1)),
        lambda image: image.crop((2, 1, 126, 95)),
    ],
    ids=["resized", "grey", "darker", "flatter", "blurred", "cropped"],
)
def test_a_changed_copy_is_near_and_nothing_else_is(change) -> None:
    first = np.stack([small(scene(seed)) for seed in range(20)])
    second = np.stack([small(scene(100 + seed)) for seed in range(600)])
    second[555] = small(change(scene(7)))
    found = near_pairs(first, second)
    assert [(here, there) for here, there, _ in found] == [(7, 555)]


def test_plain_surfaces_are_not_alike() -> None:
    noise = np.random.default_rng(0).integers(-1, 2, (8, 48, 64, 3))
    assert near_pairs((128 + noise[:4]).astype(np.uint8), (128 + noise[4:]).astype(np.uint8)) == []
    assert near_pairs(np.zeros((2, 48, 64, 1), np.uint8), np.zeros((2, 48, 64, 1), np.uint8)) == []


def test_the_cosine_of_hand_worked_gradients() -> None:
    # Brightness that rises by 20 a cell from left to right, and the same one that falls.
    ramp = np.tile(np.arange(11, dtype=np.uint8) * 20, (11, 1))[None, ..., None]
    assert near_pairs(ramp, ramp)[0][2] == pytest.approx(1, abs=1e-5)
    assert near_pairs(ramp, ramp[:, :, ::-1].copy()) == []


def test_copies_of_a_data_set_are_noted_and_strict_stops(tmp_path: Path) -> None:
    data_set(tmp_path)
    request = DataRequest(tmp_path, SIZE, splits=("train", "validation", "test"))
    assert load_images(request).copies == ()
    assert load_images(request).notes == ()
    again = {"test/b/copy.png": scene(5), "train/a/kept.bmp": scene(5)}
    near = {"val/a/near.png": ImageEnhance.Brightness(scene(6)).enhance(0.8)}
    write(tmp_path, {**again, **near, "train/a/near.png": scene(6)})
    data = load_images(request)
    same = "test/b/copy.png (test) = train/a/kept.bmp (train)"
    alike = "val/a/near.png (validation) ~ train/a/near.png (train)"
    assert data.copies == (same, alike)
    assert data.notes == (
        f"1 files stand in another split: {same}",
        f"1 files have near-copies in another split: {alike}",
    )
    with pytest.raises(NasError, match=r"stand in another split: test/b/copy\.png"):
        load_images(DataRequest(tmp_path, SIZE, splits=("train", "test"), strict=True))
    assert load_images(DataRequest(tmp_path, SIZE, splits=("train",), strict=True)).copies == ()


def test_splits_too_large_to_compare_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set(tmp_path)
    write(tmp_path, {"val/a/near.png": scene(6), "val/a/same.png": scene(7)})
    brighter = ImageEnhance.Brightness(scene(6)).enhance(0.8)
    write(tmp_path, {"train/a/near.png": brighter, "train/a/other.png": scene(8)})
    write(tmp_path, {"test/a/same.png": scene(7)})
    monkeypatch.setattr(copies, "_MOST_PAIRS", 8 * 8 - 1)  # of training and validation
    data = load_images(DataRequest(tmp_path, SIZE, splits=("train", "validation", "test")))
    same = "test/a/same.png (test) = val/a/same.png (validation)"
    assert data.copies == (same,)
    assert data.notes == (
        f"1 files stand in another split: {same}",
        "near-copies between train and validation are not looked for: 64 pairs of pictures, more "
        "than 63; equal ones are told all the same",
    )
