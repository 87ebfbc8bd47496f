"""Teacher and student: masks by hand, masked batches, the auxiliary loss, a teacher left alone."""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.covid.student import (
    StudentOutputs,
    StudentTargets,
    StudentTask,
    inner_maps,
    logits_and_maps,
    map_distance,
    map_indices,
)
from baselines.covid.teacher import TeacherTask, inside_boxes, load_teacher, masked
from nas.data.augment import AugmentSpec
from nas.data.boxes import TrueBoxes
from nas.data.dataset import DataRequest
from nas.data.splits import Split
from nas.data.xray.dataset import XrayData, XraySet
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.covid.batches import box_batches
from nas.tasks.covid.study import CovidStudyTask
from nas.tasks.image.losses import LossSpec
from nas.train.loop import train_epoch
from nas.train.weights import save_weights

CPU = torch.device("cpu")
PREPROCESS = XrayPreprocess(labels="opacity", mean=(0.5,), std=(0.25,))
BLACK, INSIDE, OUTSIDE = ((value / 255 - 0.5) / 0.25 for value in (0, 200, 100))
SIDE = 64
SMALL = ArchitectureSpec(
    name="small",
    input=InputSpec(height=SIDE, width=SIDE),
    model="timm:efficientnet_b0",
    classes=("none", "opacity"),
    task="covid-study",
)
TRAINING = TrainingSpec(
    batch_size=4,
    sampler="none",
    loss=LossSpec(kind="cross_entropy"),
    augment=AugmentSpec(flip=True, rotate_180=True, crop_padding=0.2, colour=0),
)


def xray_set(boxes: list[list[list[int]]]) -> XraySet:
    """Images of 100, and 200 within their boxes."""
    pixels = np.full((len(boxes), SIDE, SIDE, 3), 100, np.uint8)
    for image, own in enumerate(boxes):
        for x1, y1, x2, y2 in own:
            pixels[image, y1:y2, x1:x2] = 200
    names = tuple(f"i{number}" for number in range(len(boxes)))
    return XraySet(
        pixels,
        np.array([bool(own) for own in boxes], dtype=np.int64),
        tuple(np.array(own, dtype=np.float32).reshape(-1, 4) for own in boxes),
        np.full((len(boxes), 2), SIDE),
        names, names, names, names,
        ("none", "opacity"),
    )  # fmt: skip


BOXES = [[[8, 16, 40, 32]], [], [[0, 0, 64, 64]], [[4, 4, 12, 20], [40, 30, 60, 50]], []]


@pytest.fixture
def data() -> XrayData:
    xrays = xray_set(BOXES)
    return made_up({"train": xrays, "validation": xrays, "test": xrays})


def made_up(splits: dict[Split, XraySet]) -> XrayData:
    classes, size = splits["train"].classes, SMALL.input
    return XrayData(
        splits=splits, classes=classes, source="made up", preprocess=PREPROCESS, input=size
    )


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(SMALL)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_pixels_are_inside_by_their_centre() -> None:
    boxes = (torch.tensor([[1.0, 0.0, 3.0, 1.0], [2.6, 0.4, 4.0, 2.5]]), torch.zeros(0, 4))
    inside = inside_boxes(boxes, (3, 5), CPU).int().tolist()
    assert inside == [
        [[0, 1, 1, 1, 0],
         [0, 0, 0, 1, 0],
         [0, 0, 0, 0, 0]],
        [[0] * 5] * 3,
    ]  # fmt: skip


def test_what_is_outside_is_black() -> None:
    x = torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]], [[[0.5, 0.6], [0.7, 0.8]]]])
    preprocess = PREPROCESS.model_copy(update={"mean": (0.2,), "std": (0.4,)})
    found = masked(x, (torch.tensor([[0.0, 1.0, 1.0, 2.0]]), torch.zeros(0, 4)), preprocess)
    black = -0.2 / 0.4
    expected = [[[[black, black], [0.3, black]]], [[[black, black], [black, black]]]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_the_teacher_s_batches_are_black_outside_of_moved_boxes(data: XrayData) -> None:
    batches = list(TeacherTask().train_batches(data, TRAINING, generator(), CPU))
    train, augment = data.split("train"), TRAINING.augment
    assert isinstance(augment, AugmentSpec)
    whole = list(box_batches(train, PREPROCESS, TRAINING, augment, generator(), CPU))
    assert len(batches) == len(whole) == 1  # a last batch of one image is left out
    assert len(batches) == TeacherTask().steps_per_epoch(data, TRAINING)
    (x, labels), (plain, targets) = batches[0], whole[0]
    assert torch.equal(labels, targets.labels_N)
    assert plain.min() == pytest.approx(OUTSIDE, abs=1e-6)
    for image, boxes in enumerate(targets.boxes):
        kept = x[image, 0] > OUTSIDE + 0.1
        area = sum(float((x2 - x1) * (y2 - y1)) for x1, y1, x2, y2 in boxes)
        assert kept.sum() == area
        torch.testing.assert_close(x[image, 0][kept], torch.full((int(area),), INSIDE))
        torch.testing.assert_close(
            x[image, 0][~kept], torch.full((SIDE * SIDE - int(area),), BLACK)
        )


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_teacher_is_measured_on_masked_images(data: XrayData, split: Split) -> None:
    ((x, batch),) = TeacherTask().evaluation_batches(data, split, CPU)
    assert list(batch.indices) == [*range(len(BOXES))]
    kept = (x > BLACK + 0.1).all(dim=1).sum(dim=(1, 2)).tolist()
    assert kept == [32 * 16, 0, 64 * 64, 8 * 16 + 20 * 20, 0]
    ((whole, _),) = CovidStudyTask().evaluation_batches(data, split, CPU)
    assert not torch.equal(x, whole)


def test_a_teacher_without_boxes_is_refused(
    data: XrayData, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = made_up({"train": xray_set([[], []])})
    monkeypatch.setattr(CovidStudyTask, "load_data", lambda *_, **__: without)
    with pytest.raises(NasError, match="made up: no training image has a box"):
        TeacherTask().load_data(DataRequest(None, SMALL.input))
    monkeypatch.setattr(CovidStudyTask, "load_data", lambda *_, **__: data)
    assert TeacherTask().load_data(DataRequest(None, SMALL.input)) is data


def test_the_student_sees_whole_images_and_its_teacher_the_same_masked(data: XrayData) -> None:
    task = StudentTask(network(0).eval(), 1.0)
    ((x, targets),) = task.train_batches(data, TRAINING, generator(), CPU)
    ((masked_x, labels),) = TeacherTask().train_batches(data, TRAINING, generator(), CPU)
    assert torch.equal(targets.masked_NCHW, masked_x)
    assert torch.equal(targets.labels_N, labels)
    seen = masked_x > OUTSIDE + 0.1
    assert torch.equal(x[seen], masked_x[seen])
    assert x.min() == pytest.approx(OUTSIDE, abs=1e-6)
    ((validation, _),) = task.evaluation_batches(data, "validation", CPU)
    assert (validation > BLACK + 0.1).all()


def test_the_auxiliary_loss_by_hand() -> None:
    """Mean squares 1 and (4 + 0) / 2 = 2, their mean 1.5; cross-entropy of two equal logits."""
    maps = (torch.tensor([[1.0]]), torch.tensor([[2.0, 5.0]]))
    teacher_maps = (torch.tensor([[0.0]]), torch.tensor([[0.0, 5.0]]))
    assert map_distance(maps, teacher_maps).item() == pytest.approx(1.5)
    outputs = StudentOutputs(torch.zeros(1, 2), maps, teacher_maps)
    targets = StudentTargets(torch.tensor([1]), torch.zeros(1))
    loss = StudentTask(nn.Identity(), 0.4).build_loss(TRAINING)(outputs, targets)
    assert loss.item() == pytest.approx(np.log(2) + 0.4 * 1.5)


def test_a_student_like_its_teacher_on_the_same_image_is_at_no_distance() -> None:
    teacher = network(0).eval()
    x = torch.randn(2, 3, SIDE, SIDE)
    targets = StudentTargets(torch.tensor([0, 1]), x)
    outputs = StudentTask(teacher, 1.0).training_outputs(deepcopy(teacher), x, targets)
    assert map_distance(outputs.maps, outputs.teacher_maps) == 0
    other = StudentTask(teacher, 1.0).training_outputs(network(1).eval(), x, targets)
    assert map_distance(other.maps, other.teacher_maps) > 0


def test_maps_are_those_on_the_way_to_the_logits() -> None:
    one = network(0).eval()
    x = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        logits, maps = logits_and_maps(one, x)
        torch.testing.assert_close(logits, one(x))
        alone = inner_maps(one, x)
    assert [tuple(x.shape[1:]) for x in maps] == [(40, 8, 8), (112, 4, 4), (320, 2, 2)]
    assert all(torch.equal(a, b) for a, b in zip(maps, alone, strict=True))
    with pytest.raises(ValueError, match="a Linear shows no maps"):
        map_indices(nn.Linear(2, 2))


def test_a_teacher_is_frozen_while_its_student_learns(
    data: XrayData, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.mktemp("teacher")
    (run / "architecture.yaml").write_text(dump_architecture(SMALL))
    save_weights(network(5), run / "model.safetensors")
    teacher = load_teacher(run, CPU)
    assert not teacher.training
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    student, task = network(1), StudentTask(teacher, 1.0)
    first = {name: value.clone() for name, value in student.state_dict().items()}

    def rates() -> Iterator[float]:
        while True:
            yield 1e-3

    train_epoch(
        student,
        task.train_batches(data, TRAINING, generator(), CPU),
        task.build_loss(TRAINING),
        torch.optim.SGD(student.parameters(), lr=1e-3),
        rates(),
        outputs_of=task.training_outputs,
    )
    assert not teacher.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    changed = [n for n, value in student.state_dict().items() if not torch.equal(first[n], value)]
    assert "conv_stem.weight" in changed


def test_gradients_of_the_distance_reach_the_student() -> None:
    teacher, student = network(0).eval().requires_grad_(False), network(1)
    x = torch.randn(2, 3, SIDE, SIDE)
    targets = StudentTargets(torch.tensor([0, 1]), torch.zeros_like(x))
    outputs = StudentTask(teacher, 1.0).training_outputs(student, x, targets)
    map_distance(outputs.maps, outputs.teacher_maps).backward()
    stem: Tensor = student.get_parameter("conv_stem.weight")
    assert stem.grad is not None
    assert stem.grad.abs().sum() > 0


@pytest.mark.slow
def test_boxes_are_kept_whatever_is_learned() -> None:
    """What the teacher masks by is in the data of either label: see `labelled_xrays`."""
    task = TeacherTask()
    kept: list[tuple[TrueBoxes, ...]] = []
    for preprocess in (XrayPreprocess(labels="study"), XrayPreprocess(labels="opacity")):
        loaded = task.load_data(
            DataRequest(None, InputSpec(height=32, width=32), preprocess, splits=("train",))
        )
        kept.append(loaded.split("train").boxes)
    study, opacity = ([len(boxes) > 0 for boxes in own] for own in kept)
    assert sum(study) == sum(opacity) > 20
