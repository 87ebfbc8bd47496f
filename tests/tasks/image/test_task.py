"""The image task: what it asks of a network, its data, its batches."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

from nas.data.dataset import DataRequest
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec, InputSpec, parse_architecture
from nas.spec.definition import Head
from nas.spec.space import parse_space
from nas.spec.training import TrainingSpec
from nas.tasks.image.task import ImageTask

TASK = ImageTask()
SIZE = InputSpec(height=12, width=16)
CPU = torch.device("cpu")


def architecture(layers: str, head: Head, channels: int = 3) -> ArchitectureSpec:
    # The head is set afterwards: a file is checked when it is read, a space's member is not.
    linear = parse_architecture(
        f"input: {{channels: {channels}, height: 12, width: 16}}\nlayers: [{layers}]\nclasses: 5\n"
    )
    return replace(linear, head=head)


@pytest.mark.parametrize(
    ("layers", "head"),
    [
        ("{block: Conv, out: 8}", "linear"),
        ("{block: Conv, out: 8}, {block: GlobalAvgPool}, {block: Conv, out: 5, kernel: 1}", "none"),
        ("{block: Flatten}, {block: Linear, out: 5}", "none"),
    ],
)
def test_takes_one_logit_a_class(layers: str, head: Head) -> None:
    TASK.check_architecture(architecture(layers, head))


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ("{block: Conv, out: 5}", "5 x 12 x 16"),
        ("{block: Flatten}, {block: Linear, out: 6}", "end in 6"),
    ],
)
def test_refuses_other_endings(layers: str, shape: str) -> None:
    with pytest.raises(NasError, match=f"one logit a class, 5 in all.*{shape}"):
        TASK.check_architecture(architecture(layers, "none"))


def test_refuses_channels_that_pictures_do_not_have() -> None:
    with pytest.raises(NasError, match=r"input\.channels: .*not 2"):
        TASK.check_architecture(architecture("{block: Conv, out: 8}", "linear", channels=2))


def test_refuses_a_normalisation_of_other_channels() -> None:
    spec = architecture("{block: Conv, out: 8}", "linear")
    wrong = replace(spec, preprocess=ImagePreprocess(mean=(0.1, 0.2), std=(1.0,)))
    with pytest.raises(NasError, match=r"preprocess.mean: 2 values for 3 channels"):
        TASK.check_architecture(wrong)


def test_a_space_with_one_member_of_other_channels_is_refused_at_its_line() -> None:
    text = "input: {{height: 8, width: 8,\n  channels: {}}}\nlayers: [{{block: Flatten}}]\n"
    assert "linear head" in TASK.check_space(parse_space(text.format("[1, 3]")))
    with pytest.raises(NasError, match=r"space\.yaml:2 input\.channels: .*not 5"):
        TASK.check_space(parse_space(text.format("[1, 3, 5]")))


def test_a_preprocess_is_kept_or_measured() -> None:
    given = ImagePreprocess(mean=(0.1,), std=(0.2,))
    grey = InputSpec(channels=1, height=8, width=8)
    assert (
        TASK.load_data(DataRequest(None, grey, given, splits=("validation",))).preprocess == given
    )
    upright = ImagePreprocess(turn_portrait=False)
    partly = TASK.load_data(DataRequest(None, grey, upright)).preprocess
    assert not partly.turn_portrait
    assert partly.mean != upright.mean
    measured = TASK.load_data(DataRequest(None, grey))
    batches = TASK.train_batches(
        measured,
        TrainingSpec(
            sampler="none",
            augment={"flip": False, "crop_padding": 0.0, "colour": 0.0},
        ),
        torch.Generator().manual_seed(0),
        CPU,
    )
    x = torch.cat([x for x, _ in batches])
    assert float(x.mean()) == pytest.approx(0, abs=0.01)
    assert float(x.std()) == pytest.approx(1, abs=0.01)


def test_only_the_named_splits_are_loaded() -> None:
    data = TASK.load_data(DataRequest(None, SIZE))
    with pytest.raises(ValueError, match="test"):
        list(TASK.evaluation_batches(data, "test", CPU))


@pytest.mark.parametrize("batch_size", [2, 128, 1167, 5000])
def test_steps_are_counted_as_they_come(batch_size: int) -> None:
    data = TASK.load_data(DataRequest(None, SIZE))
    training = TrainingSpec(batch_size=batch_size)
    batches = list(TASK.train_batches(data, training, torch.Generator().manual_seed(0), CPU))
    assert len(batches) == TASK.steps_per_epoch(data, training)


def test_the_generator_alone_decides_the_batches() -> None:
    data = TASK.load_data(DataRequest(None, SIZE))

    def draw(seed: int, global_seed: int) -> torch.Tensor:
        torch.manual_seed(global_seed)
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([x for x, _ in TASK.train_batches(data, TrainingSpec(), generator, CPU)])

    assert torch.equal(draw(1, 1), draw(1, 2))
    assert not torch.equal(draw(1, 1), draw(2, 1))


def test_measures_as_scikit_learn_does() -> None:
    data = TASK.load_data(DataRequest(None, SIZE, splits=("train", "validation")))
    generator = torch.Generator().manual_seed(0)
    pairs = [
        (torch.randn(len(labels), 10, generator=generator), labels)
        for _, labels in TASK.evaluation_batches(data, "validation", CPU)
    ]
    metrics = TASK.measure(data, pairs)
    labels = torch.cat([labels for _, labels in pairs])
    predictions = torch.cat([logits.argmax(1) for logits, _ in pairs])
    assert metrics.macro_f1 == pytest.approx(
        f1_score(labels, predictions, average="macro"), abs=1e-9
    )
    assert metrics.primary == metrics.macro_f1
    assert metrics.accuracy == pytest.approx(float((labels == predictions).double().mean()))
    assert TASK.metrics_from_json(metrics.as_json()) == metrics
    low, high = metrics.with_intervals()["macro_f1_ci95"]
    assert low < metrics.macro_f1 < high


def test_unreadable_files_and_made_splits_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    for name in ("a", "b"):
        folder = tmp_path / "data" / "train" / name
        folder.mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (20, 16), (number * 20, 90, 10)).save(folder / f"{number}.png")
    (tmp_path / "data" / "train" / "a" / "broken.png").write_bytes(b"\x89PNG")
    splits = ("train", "validation", "test")
    data = TASK.load_data(DataRequest(tmp_path / "data", SIZE, splits=splits))
    assert data.made_splits == ("validation", "test")
    assert len(data.unreadable) == 1
    assert data.unreadable[0].startswith("train/a/broken.png: ")
