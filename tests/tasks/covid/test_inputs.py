"""Files become the very inputs of training and evaluation."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.data.augment import AugmentSpec
from nas.data.dataset import DataRequest
from nas.data.image.preprocess import ImagePreprocess
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.architecture import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.covid.data import FILES_AT_ONCE, FileBatch, file_batches
from nas.tasks.covid.detection import CovidDetectionTask
from nas.tasks.covid.study import CovidStudyTask
from tests.data.xray_files import write_dicom, write_set
from tests.tasks.covid.rectangles import PLAIN, bright_box, detector_of, painted_file

CPU = torch.device("cpu")
SIZE = InputSpec(channels=1, height=10, width=24)
STILL = TrainingSpec(
    sampler="none",
    batch_size=4,
    augment=AugmentSpec(flip=False, crop_padding=0.0, colour=0.0),
)


def rows_of(x_NCHW: Tensor) -> list[list[float]]:
    """The images in an order that only they decide."""
    return sorted(x_NCHW.flatten(1).tolist())


@pytest.mark.parametrize("task", [CovidStudyTask(), CovidDetectionTask()], ids=lambda t: t.name)
def test_normalisation_in_validation_only(task: Any, tmp_path: Path) -> None:
    """The same files give the same numbers in training, in validation and in prediction."""
    write_set(tmp_path)
    data = task.load_data(DataRequest(tmp_path, SIZE))
    assert data.preprocess.says_normalisation
    assert data.preprocess.mean != (0.5,)
    architecture = replace(detector_of(10, 24), preprocess=data.preprocess)
    for split in ("train", "validation"):
        xrays = data.split(split)
        files = [tmp_path / path for path in xrays.paths]
        (predicted,) = file_batches(architecture, files, CPU)
        if split == "train":
            generator = torch.Generator().manual_seed(0)
            batches = task.train_batches(data, STILL, generator, CPU)
        else:
            batches = task.evaluation_batches(data, split, CPU)
        shown_NCHW = torch.cat([x_NCHW for x_NCHW, _ in batches])
        assert predicted.x_NCHW is not None
        assert rows_of(shown_NCHW) == rows_of(predicted.x_NCHW)
        if split == "train":
            assert float(shown_NCHW.mean()) == pytest.approx(0, abs=0.01)
            assert float(shown_NCHW.std()) == pytest.approx(1, abs=0.01)


def test_the_networks_own_normalisation_is_repeated(tmp_path: Path) -> None:
    file = painted_file(tmp_path / "a.png", (8, 8), (2, 2, 6, 6))
    for mean, std in ((0.5, 0.25), (0.25, 0.5)):
        kept = PLAIN.model_copy(update={"mean": (mean,), "std": (std,)})
        (batch,) = file_batches(detector_of(8, 8, kept), [file], CPU)
        assert sorted(batch.x_NCHW.unique().tolist()) == pytest.approx(
            [-mean / std, (1 - mean) / std]
        )


def test_wrong_image_size_at_inference(tmp_path: Path) -> None:
    """Whatever the files' sizes, the network sees its own; each axis is scaled by itself."""
    sizes = [(40, 60), (60, 40), (20, 200), (10, 24), (5, 3)]
    files = [
        painted_file(tmp_path / f"{n}.png", (height, width), (0, 0, width // 2, height // 2))
        for n, (height, width) in enumerate(sizes)
    ]
    (batch,) = file_batches(detector_of(10, 24), files, CPU)
    assert batch.x_NCHW.shape == (5, 1, 10, 24)
    assert [file.original_size for file in batch.files] == sizes
    for image_CHW in batch.x_NCHW[:4]:
        assert bright_box(image_CHW) == [0, 0, 12, 5]


def test_a_network_of_three_channels_sees_the_same_grey_in_each(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm")
    grey = detector_of(10, 24)
    colour = replace(grey, input=InputSpec(channels=3, height=10, width=24))
    (one,), (three,) = (file_batches(item, [tmp_path / "a.dcm"], CPU) for item in (grey, colour))
    assert torch.equal(three.x_NCHW, one.x_NCHW.expand(-1, 3, -1, -1))


def test_files_come_in_order_and_unreadable_ones_say_why(tmp_path: Path) -> None:
    files = [
        painted_file(tmp_path / f"{n}.png", (10, 24), (n % 20, 1, n % 20 + 2, 5))
        for n in range(FILES_AT_ONCE + 2)
    ]
    files[1].write_bytes(b"no image")
    batches = list(file_batches(detector_of(10, 24), files, CPU))
    assert [file.path for batch in batches for file in batch.files] == files
    assert [len(batch.files) for batch in batches] == [FILES_AT_ONCE, 2]
    first = batches[0]
    assert first.files[1].error
    assert first.files[1].pixels is None
    for batch in batches:
        boxes = [bright_box(image_CHW) for image_CHW in batch.x_NCHW]
        numbers = [int(file.path.stem) % 20 for file in batch.readable]
        assert boxes == [[float(n), 1.0, float(n + 2), 5.0] for n in numbers]


def test_where_no_file_can_be_read_there_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"")
    (batch,) = file_batches(detector_of(10, 24), [tmp_path / "a.dcm"], CPU)
    assert isinstance(batch, FileBatch)
    assert batch.x_NCHW is None
    assert batch.readable == ()


@pytest.mark.parametrize(
    "kept",
    [None, XrayPreprocess(), ImagePreprocess(mean=(0.5,), std=(0.2,))],
    ids=["nothing", "no normalisation", "of pictures"],
)
def test_a_network_that_does_not_say_its_preprocessing_is_refused(kept: Any) -> None:
    architecture = replace(detector_of(10, 24), preprocess=kept)
    with pytest.raises(NasError, match=r"preprocess: does not say how its X-rays were prepared"):
        next(file_batches(architecture, [Path("a.dcm")], CPU))
