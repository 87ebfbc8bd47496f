"""The study task: studies of several images, labels that stay numbers, classes of files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor

from nas.data.augment import AugmentSpec
from nas.data.dataset import DataRequest
from nas.data.xray.dataset import XRAY_CLASSES, XrayData, XraySet
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.metrics.competition import STUDY_CLASSES
from nas.spec.architecture import InputSpec, parse_architecture
from nas.spec.training import TrainingSpec
from nas.tasks.covid.batches import XrayBatch
from nas.tasks.covid.study import CovidStudyTask
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS
from tests.data.xray_files import write_dicom, write_set, write_tables
from tests.tasks.covid.rectangles import painted_file

TASK = CovidStudyTask()
CPU = torch.device("cpu")
SIZE = InputSpec(channels=1, height=8, width=12)
PLAIN = TrainingSpec(
    sampler="none",
    batch_size=64,
    augment=AugmentSpec(flip=False, crop_padding=0.0, colour=0.0),
)


def made(
    labels_N: list[int], studies: list[str], patients: list[str], labels: XrayLabels = "study"
) -> XrayData:
    """A validation split with these labels; its pixels are black."""
    names = tuple(f"i{number}" for number in range(len(labels_N)))
    xrays = XraySet(
        np.zeros((len(labels_N), 8, 12, 1), np.uint8),
        np.array(labels_N, np.int64),
        tuple(np.zeros((0, 4), np.float32) for _ in labels_N),
        np.array([(8, 12)] * len(labels_N)),
        names,
        tuple(studies),
        tuple(patients),
        names,
        XRAY_CLASSES[labels],
    )
    kept = XrayPreprocess(labels=labels, mean=(0.5,), std=(0.25,))
    return XrayData(
        splits={"validation": xrays},
        classes=XRAY_CLASSES[labels],
        source="made",
        preprocess=kept,
        input=SIZE,
    )


def logits(rows: list[list[float]]) -> Tensor:
    """Whose softmax the rows are."""
    return torch.tensor(rows).log()


def batches_of(data: XrayData, *lengths: int) -> list[XrayBatch]:
    starts = np.cumsum([0, *lengths])
    xrays = data.split("validation")
    return [XrayBatch(xrays, range(a, a + n)) for a, n in zip(starts, lengths, strict=False)]


def test_a_study_of_several_images_is_their_mean() -> None:
    """Two images of study x say typical, one that is very sure says negative, and wins."""
    rows = [
        [0.4, 0.6, 0.0, 0.0],
        [0.1, 0.7, 0.1, 0.1],
        [0.4, 0.6, 0.0, 0.0],
        [0.97, 0.03, 0.0, 0.0],
    ]
    data = made([0, 1, 0, 0], ["x", "y", "x", "x"], ["p", "q", "p", "p"])
    batches = zip(logits(rows).split([3, 1]), batches_of(data, 3, 1), strict=True)
    metrics = TASK.measure(data, batches)
    assert metrics.as_json()["samples"] == 2
    assert metrics.confusion[0] == (1, 0, 0, 0)  # (0.4 + 0.4 + 0.97) / 3 is above a half
    assert metrics.confusion[1] == (0, 1, 0, 0)
    assert metrics.patients == 2


def test_images_by_themselves_where_these_have_labels() -> None:
    data = made([0, 1, 1], ["x", "x", "x"], ["p", "p", "p"], "opacity")
    rows = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
    metrics = TASK.measure(data, [(logits(rows), batches_of(data, 3)[0])])
    assert metrics.confusion == ((1, 0), (1, 1))
    assert tuple(metrics.per_class_f1) == ("none", "opacity")


def test_measures_as_scikit_learn_does() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 50)
    rows = generator.random((50, 4)) + np.eye(4)[labels] * 0.4
    names = [f"s{number}" for number in range(50)]
    data = made(labels.tolist(), names, names)
    outputs = torch.from_numpy(rows / rows.sum(axis=1, keepdims=True)).log()
    metrics = TASK.measure(data, [(outputs, batches_of(data, 50)[0])])
    expected = f1_score(labels, rows.argmax(axis=1), average="macro")
    assert metrics.macro_f1 == metrics.primary == pytest.approx(expected)
    assert TASK.metrics_from_json(metrics.as_json()) == metrics


def test_folds_are_measured_as_one() -> None:
    """A patient's number in one fold is none of another's."""
    rows = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]]
    first = made([0, 1, 1], ["x", "y", "z"], ["p", "q", "r"])
    second = made([2, 1], ["u", "v"], ["s", "t"])
    together = made([0, 1, 1, 2, 1], list("xyzuv"), list("pqrst"))
    parts = [
        (first, [(logits(rows), batches_of(first, 3)[0])]),
        (second, [(logits(rows[:2]), batches_of(second, 2)[0])]),
    ]
    expected = TASK.measure(together, [(logits(rows + rows[:2]), batches_of(together, 5)[0])])
    assert TASK.measure_folds(parts) == expected
    with pytest.raises(ValueError, match="a patient is in two of the splits"):
        TASK.measure_folds([(first, parts[0][1]), (first, parts[0][1])])


def test_nothing_is_measured_of_nothing() -> None:
    with pytest.raises(ValueError, match="no batches to measure"):
        TASK.measure(made([0], ["x"], ["p"]), [])


@pytest.mark.parametrize("labels", ["study", "opacity"])
def test_labels_turned_to_strings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: XrayLabels
) -> None:
    """From the table's columns to the loss they are whole numbers, those of the tables' classes."""
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    write_set(tmp_path / "set")
    data = TASK.load_data(DataRequest(tmp_path / "set", SIZE, XrayPreprocess(labels=labels)))
    xrays = data.split("train")
    for number, name in zip(xrays.labels_N, xrays.image_ids, strict=True):
        study_class = int(name[1:]) % 4
        assert number == (study_class if labels == "study" else int(study_class > 0))
    generator = torch.Generator().manual_seed(0)
    ((x_NCHW, labels_N),) = TASK.train_batches(data, PLAIN, generator, CPU)
    assert labels_N.dtype == torch.int64
    assert sorted(labels_N.tolist()) == sorted(xrays.labels_N.tolist())
    outputs = torch.zeros(len(x_NCHW), len(data.classes))
    outputs[torch.arange(len(x_NCHW)), labels_N] = 9.0  # all right: next to no loss
    loss = TASK.build_loss(TASK.resolved(PLAIN))
    assert float(loss(outputs, labels_N)) < 0.01 < float(loss(-outputs, labels_N))


def test_a_study_of_two_images_is_loaded_and_measured_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    classes, images = write_set(tmp_path)
    for study in list(classes):
        images[f"more{study}"] = (study, [])
        write_dicom(tmp_path / "train" / study / f"more{study}.dcm")
    write_tables(tmp_path, classes, images)
    data = TASK.load_data(DataRequest(tmp_path, SIZE))
    batches = list(TASK.evaluation_batches(data, "validation", CPU))
    outputs = [(torch.zeros(len(x_NCHW), 4), target) for x_NCHW, target in batches]
    validation = data.split("validation")
    assert len(validation) == 2 * len(set(validation.study_ids))
    assert TASK.measure(data, outputs).as_json()["samples"] == len(set(validation.study_ids))


def test_classes_of_files(tmp_path: Path) -> None:
    """A network whose third logit is how bright the picture is."""
    architecture = replace(
        parse_architecture(
            "task: covid-study\ninput: {channels: 1, height: 8, width: 12}\nclasses: 4\n"
            "layers: [{block: Conv, out: 8}]\n"
        ),
        classes=STUDY_CLASSES,
        preprocess=XrayPreprocess(labels="study", mean=(0.5,), std=(0.25,)),
    )

    def network(x_NCHW: Tensor) -> Tensor:
        level_N = x_NCHW.mean(dim=(1, 2, 3))
        return torch.stack([-level_N, 0 * level_N, level_N, 0 * level_N], dim=1)

    bright = painted_file(tmp_path / "a.png", (16, 24), (0, 0, 24, 16))
    broken = tmp_path / "b.png"
    broken.write_bytes(b"no image")
    dark = painted_file(tmp_path / "c.png", (16, 24), (0, 0, 0, 0))
    found = list(TASK.predict(network, architecture, [bright, broken, dark], CPU, {}))
    assert [item.file for item in found] == [str(bright), str(broken), str(dark)]
    assert found[1].error
    assert [found[n].values["class"] for n in (0, 2)] == ["indeterminate", "negative"]
    for item in (found[0], found[2]):
        values = item.values
        assert tuple(values["probabilities"]) == STUDY_CLASSES
        assert {type(value) for value in values["probabilities"].values()} == {float}
        assert sum(values["probabilities"].values()) == pytest.approx(1)
        assert values["probability"] == max(values["probabilities"].values())
        assert values["probability"] == pytest.approx(
            np.exp(2) / (np.exp(2) + np.exp(-2) + 2), rel=1e-5
        )
        assert values["notice"] == NOT_FOR_DIAGNOSIS


def test_the_mean_of_networks_is_of_their_probabilities() -> None:
    rows = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.5, 0.2, 0.2]]
    mean = TASK.mean_outputs([logits(rows[:1]), logits(rows[1:])])
    assert mean.softmax(dim=1)[0].tolist() == pytest.approx([0.4, 0.3, 0.15, 0.15])
