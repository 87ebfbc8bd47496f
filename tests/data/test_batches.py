"""Batches: order, normalisation, memory format, the last one."""

import numpy as np
import pytest
import torch
from torch.utils.data import SequentialSampler

from nas.data.augment import AugmentSpec, BatchAugment
from nas.data.batches import evaluation_batches, train_batch_count, train_batches
from nas.data.image.dataset import ImageSet
from nas.data.image.preprocess import ImagePreprocess
from nas.data.sampler import build_sampler

CPU = torch.device("cpu")
PREPROCESS = ImagePreprocess(mean=(0.1, 0.5, 0.7), std=(0.2, 0.3, 0.4))


def image_set(count: int, channels: int = 3) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 5, 6, channels), dtype=np.uint8)
    pixels.flags.writeable = False
    return ImageSet(pixels, np.arange(count) % 3, ("",) * count, ("a", "b", "c"))


def by_hand(images: ImageSet) -> np.ndarray:
    scaled = (images.pixels / 255 - np.array(PREPROCESS.mean)) / np.array(PREPROCESS.std)
    return scaled.transpose(0, 3, 1, 2)


def test_evaluation_gives_every_image_in_order() -> None:
    images = image_set(7)
    found = list(evaluation_batches(images, 3, PREPROCESS, CPU))
    assert [len(labels) for _, labels in found] == [3, 3, 1]
    for x, _ in found:
        assert x.dtype == torch.float32
        assert x.is_contiguous(memory_format=torch.channels_last)
    x = torch.cat([x for x, _ in found]).numpy()
    np.testing.assert_allclose(x, by_hand(images), atol=1e-5)
    labels = torch.cat([labels for _, labels in found])
    assert labels.dtype == torch.int64
    assert labels.tolist() == images.labels_N.tolist()


@pytest.mark.parametrize(
    "augment", [None, BatchAugment(AugmentSpec(flip=False, crop_padding=0, colour=0))]
)
def test_training_follows_the_sampler(augment: BatchAugment | None) -> None:
    images = image_set(8)
    batches = train_batches(
        images, SequentialSampler(range(8)), 3, augment, PREPROCESS, CPU, torch.Generator()
    )
    x = torch.cat([x for x, _ in batches]).numpy()
    np.testing.assert_allclose(x, by_hand(images), atol=1e-5)


@pytest.mark.parametrize(
    ("count", "sizes"), [(6, [3, 3]), (8, [3, 3, 2]), (7, [3, 3]), (4, [3]), (2, [2])]
)
def test_a_last_batch_of_one_is_dropped(count: int, sizes: list[int]) -> None:
    sampler = SequentialSampler(range(count))
    generator = torch.Generator()
    batches = train_batches(image_set(count), sampler, 3, None, PREPROCESS, CPU, generator)
    assert [len(labels) for _, labels in batches] == sizes
    assert train_batch_count(sampler, 3) == len(sizes)


@pytest.mark.parametrize("channels", [1, 3])
def test_one_seed_gives_one_epoch(channels: int) -> None:
    images = image_set(20, channels)
    preprocess = ImagePreprocess(mean=(0.5,) * channels, std=(0.25,) * channels)

    def epoch(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        sampler = build_sampler("inverse", images.labels_N, generator)
        augment = BatchAugment(AugmentSpec(rotate_180=True, cutout=0.2))
        batches = train_batches(images, sampler, 6, augment, preprocess, CPU, generator)
        return torch.cat([x for x, _ in batches])

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))
    assert epoch(1).shape == (20, channels, 5, 6)


def test_the_images_are_not_changed() -> None:
    images = image_set(6)
    before = images.pixels.copy()
    generator = torch.Generator()
    augment = BatchAugment(AugmentSpec())
    list(train_batches(images, SequentialSampler(range(6)), 3, augment, PREPROCESS, CPU, generator))
    list(evaluation_batches(images, 3, PREPROCESS, CPU))
    np.testing.assert_array_equal(images.pixels, before)


def test_defaults_serve_grey_images_but_colour_means_do_not() -> None:
    (x, _), *_ = evaluation_batches(image_set(2, 1), 2, ImagePreprocess(), CPU)
    expected = (image_set(2, 1).pixels.transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"preprocess\.mean has 3 values for 1 channels"):
        list(evaluation_batches(image_set(2, 1), 2, PREPROCESS, CPU))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_as_on_the_cpu() -> None:
    images = image_set(16)

    def epoch(device: torch.device) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        augment = BatchAugment(AugmentSpec(rotate_180=True, cutout=0.3))
        sampler = build_sampler("softened", images.labels_N, generator)
        batches = train_batches(images, sampler, 8, augment, PREPROCESS, device, generator)
        return torch.cat([x.cpu() for x, _ in batches])

    torch.testing.assert_close(epoch(torch.device("cuda")), epoch(CPU), atol=2e-2, rtol=1e-4)
