"""Being taught: same samples for both, losses, outputs that are kept, runs that go on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from nas.data.augment import AugmentSpec, BatchAugment
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.architecture import ArchitectureSpec, InputSpec, parse_architecture
from nas.spec.provenance import Provenance
from nas.spec.training import PseudoLabellingSpec, TeachingSpec, TrainingSpec
from nas.tasks.image.losses import LossSpec, softened_divergence
from nas.tasks.image.task import ImageTask
from nas.train.api import resume_training, run_training
from nas.train.loop import fit
from nas.train.plan import TeacherPlan
from nas.train.source import teacher_from, teacher_of
from nas.train.teacher import Teacher
from nas.train.teaching import Lesson, Teaching
from nas.train.trained import load_trained

CPU = torch.device("cpu")
TASK = ImageTask()
FILE = """
name: {name}
input: {{channels: 3, height: {side}, width: {side}}}
layers:
  - {{block: Conv, out: {out}, kernel: 3, stride: 2}}
  - {{block: Conv, out: {out}, kernel: 3, stride: 2}}
  - {{block: GlobalAvgPool}}
"""
TRAINING = TASK.resolved(
    TrainingSpec(
        epochs=8,
        batch_size=64,
        learning_rate=2e-2,
        loss=LossSpec(kind="cross_entropy"),
        augment=AugmentSpec(flip=True, colour=0.0, crop_padding=0.125),
    ),
    built_in=True,
)


def silent(_: str) -> None:
    pass


def network_of(name: str = "small", side: int = 8, out: int = 8) -> ArchitectureSpec:
    return parse_architecture(FILE.format(name=name, side=side, out=out))


@pytest.fixture(scope="module")
def teacher_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the digits at 16 x 16."""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    run_training(network_of("big", 16, 32), training=TRAINING, out=folder, threads=1, say=silent)
    return folder


def request(side: int) -> DataRequest:
    return DataRequest(None, InputSpec(height=side, width=side))


def teaching_at(side: int, run: Path, **options) -> tuple[Teaching, object]:
    data = TASK.load_data(request(side))
    teacher = Teacher(TeacherPlan((run,)), TASK, request(side), CPU)
    teacher.check(data)
    return Teaching(teacher, data, **options), data


def lesson_at(side: int, run: Path, **options) -> Lesson:
    teaching, data = teaching_at(side, run, **options)
    return teaching.lesson(data, TASK, TRAINING, 5, CPU)


def test_the_divergence_is_that_of_the_formula() -> None:
    logits, teacher = torch.randn(5, 4), torch.randn(5, 4)
    p = np.exp(logits.numpy() / 3) / np.exp(logits.numpy() / 3).sum(1, keepdims=True)
    q = np.exp(teacher.numpy() / 3) / np.exp(teacher.numpy() / 3).sum(1, keepdims=True)
    expected = 9 * (q * np.log(q / p)).sum(1).mean()
    assert float(softened_divergence(logits, teacher, 3.0)) == pytest.approx(expected, rel=1e-4)
    assert float(softened_divergence(teacher, teacher, 3.0)) == pytest.approx(0, abs=1e-6)


def test_at_the_same_input_one_batch_serves_both(teacher_run: Path) -> None:
    lesson = lesson_at(16, teacher_run)
    network = load_trained(teacher_run).network
    for inputs, targets in lesson.batches():
        with torch.no_grad():
            torch.testing.assert_close(targets.soft[0], network(inputs), rtol=1e-4, atol=1e-4)


def test_at_another_size_both_see_the_same_pictures_flipped_alike(teacher_run: Path) -> None:
    augment = AugmentSpec(flip=True, colour=0.0, crop_padding=0.0)
    training = TRAINING.model_copy(update={"augment": augment})
    small, large = (replace(lesson_at(side, teacher_run), training=training) for side in (8, 16))
    for (x_small, own), (x_large, other) in zip(
        small.drawn(small.data), large.drawn(large.data), strict=True
    ):
        assert torch.equal(own, other)
        shrunk = functional.avg_pool2d(x_large, 2)
        away_N = (shrunk - x_small).flatten(1).norm(dim=1)
        mirrored_N = (shrunk.flip(3) - x_small).flatten(1).norm(dim=1)
        assert (away_N < mirrored_N).all()


def test_shifts_and_turns_are_the_same_share_of_either_size() -> None:
    augment = BatchAugment(AugmentSpec(rotate_180=True, zoom=0.2, crop_padding=0.1))
    moves = []
    for side in (20, 100):
        x_NCHW = torch.zeros(50, 3, side, side, dtype=torch.uint8)
        moves.append(augment.with_moves(x_NCHW, torch.Generator().manual_seed(0))[1])
    for small, large in ((moves[0].rows, moves[1].rows), (moves[0].columns, moves[1].columns)):
        assert torch.equal(small.backwards_N, large.backwards_N)
        assert torch.equal(small.zoom_N, large.zoom_N)
        assert (small.shift_N / 20 - large.shift_N / 100).abs().max() <= 1 / 20


def test_the_teacher_says_at_its_own_size_what_it_says_of_those_pictures(teacher_run: Path) -> None:
    small, large = lesson_at(8, teacher_run), lesson_at(16, teacher_run)
    for (x, targets), (_, same) in zip(small.batches(), large.batches(), strict=True):
        assert x.shape[2:] == (8, 8)
        assert torch.equal(targets.own, same.own)
        assert torch.equal(targets.soft[0], same.soft[0])


def test_what_is_kept_is_what_was_computed(
    teacher_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lesson_at(8, teacher_run, kept_in=tmp_path)
    computed = [targets.soft[0] for _, targets in first.batches()]
    assert len(list(tmp_path.glob("*/5.safetensors"))) == 1
    monkeypatch.setattr(Teacher, "soft_targets", lambda *_: pytest.fail("it was asked again"))
    again = lesson_at(8, teacher_run, kept_in=tmp_path)
    kept = [targets.soft[0] for _, targets in again.batches()]
    assert all(torch.equal(a, b) for a, b in zip(computed, kept, strict=True))


def test_other_batches_are_kept_apart_and_what_has_no_room_is_not(
    teacher_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching, data = teaching_at(8, teacher_run, kept_in=tmp_path)
    for size in (64, 32):
        training = TRAINING.model_copy(update={"batch_size": size})
        list(teaching.lesson(data, TASK, training, 1, CPU).batches())
    assert len(list(tmp_path.glob("*/1.safetensors"))) == 2
    monkeypatch.setattr("nas.train.teaching.CACHE_BYTES", 10_000)
    list(teaching.lesson(data, TASK, TRAINING, 2, CPU).batches())
    assert list(tmp_path.glob("*/2.safetensors")) == []


def test_the_weight_divides_labels_and_teacher(teacher_run: Path) -> None:
    lesson = lesson_at(16, teacher_run)
    inputs, targets = next(lesson.batches())
    logits = torch.randn(len(inputs), 10)
    for weight in (0.0, 0.3, 1.0):
        training = TRAINING.model_copy(
            update={"teaching": TeachingSpec(weight=weight, temperature=2.0)}
        )
        loss = replace(lesson, training=training).loss()(logits, targets)
        labels = functional.cross_entropy(logits, targets.own)
        taught = softened_divergence(logits, targets.soft[0], 2.0)
        torch.testing.assert_close(loss, (1 - weight) * labels + weight * taught)


def test_a_taught_network_is_nearer_to_its_teacher(teacher_run: Path) -> None:
    teaching, data = teaching_at(8, teacher_run)
    teacher = load_trained(teacher_run)
    seen = TASK.load_data(
        replace(request(16), preprocess=teacher.architecture.preprocess, splits=("validation",))
    )

    def away(taught: Teaching | None) -> float:
        torch.manual_seed(0)
        network = build_network(network_of().with_classes(data.classes))
        fit(network, data, TASK, TRAINING, device=CPU, teaching=taught)
        pairs = zip(
            TASK.evaluation_batches(data, "validation", CPU),
            TASK.evaluation_batches(seen, "validation", CPU),
            strict=True,
        )
        with torch.no_grad():
            found = [
                softened_divergence(network(x), teacher.network(y), 1.0) for (x, _), (y, _) in pairs
            ]
        return float(torch.stack(found).mean())

    assert away(teaching) < 0.8 * away(None)


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    teacher_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = TRAINING.model_copy(update={"epochs": 3})
    options = {"training": short, "teacher": teacher_run, "threads": 1}
    run_training(network_of(), out=tmp_path / "whole", say=silent, **options)

    def stop(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(network_of(), out=tmp_path / "stopped", say=stop, **options)
    said: list[str] = []
    resume_training(tmp_path / "stopped", threads=1, say=said.append)
    assert any(line.startswith("Teacher: big, validation macro-F1 ") for line in said)
    whole, stopped = (tmp_path / name / "model.safetensors" for name in ("whole", "stopped"))
    assert whole.read_bytes() == stopped.read_bytes()


@pytest.mark.slow
def test_a_second_training_reads_what_the_first_was_taught(
    teacher_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = TRAINING.model_copy(update={"epochs": 2})

    def weights(name: str, kept: Path | None) -> bytes:
        run_training(
            network_of(),
            training=training,
            teacher=teacher_run,
            soft_targets=kept,
            out=tmp_path / name,
            threads=1,
            say=silent,
        )
        return (tmp_path / name / "model.safetensors").read_bytes()

    asked = weights("asked", None)
    assert weights("keeps", tmp_path / "kept") == asked
    monkeypatch.setattr(Teacher, "soft_targets", lambda *_: pytest.fail("asked again"))
    assert weights("reads", tmp_path / "kept") == asked


def test_a_network_is_trained_first_and_teaches(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def stop(line: str) -> None:
        if line.startswith("  teacher: epoch 1/"):
            raise KeyboardInterrupt

    short = TRAINING.model_copy(update={"epochs": 2})
    options = {"training": short, "teacher": network_of("big", 16, 16), "threads": 1}
    with pytest.raises(KeyboardInterrupt):
        run_training(network_of(), out=folder, say=stop, **options)
    resume_training(folder, threads=1, say=silent)
    assert json.loads((folder / "teacher" / "metrics.json").read_text())["epochs"] == 2
    taught = load_trained(folder)
    assert taught.architecture.provenance.teacher == ["teacher"]
    assert load_trained(folder / "teacher").architecture.name == "big"


def test_pictures_without_labels_are_taught_too(teacher_run: Path, tmp_path: Path) -> None:
    from PIL import Image

    draws = np.random.default_rng(0)
    for index in range(20):
        pixels = draws.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    data = TASK.load_data(request(8))
    plan = TeacherPlan((teacher_run,), unlabelled=tmp_path)
    teaching = Teaching(Teacher(plan, TASK, request(8), CPU), data)
    lesson = teaching.lesson(data, TASK, TRAINING, 3, CPU)
    steps = 0
    for inputs, targets in lesson.batches():
        steps += 1
        assert len(inputs) == targets.labelled + 20
        assert len(targets.soft[0]) == len(inputs)
        assert len(targets.own) == targets.labelled
        logits = torch.randn(len(inputs), 10)
    labels = functional.cross_entropy(logits[: targets.labelled], targets.own)
    taught = softened_divergence(logits, targets.soft[0], 3.0)
    torch.testing.assert_close(lesson.loss()(logits, targets), 0.2 * labels + 0.8 * taught)
    assert steps == TASK.steps_per_epoch(data, TRAINING)


def test_what_can_not_teach_is_refused(
    teacher_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NasError, match="--unlabelled: samples without labels need a --teacher"):
        run_training(network_of(), unlabelled=tmp_path, out=tmp_path / "a", say=silent)
    with pytest.raises(NasError, match="no such folder"):
        run_training(network_of(), teacher=tmp_path / "none", out=tmp_path / "b", say=silent)
    assert not (tmp_path / "b").exists()
    data = TASK.load_data(request(8))
    other = replace(data, classes=tuple("abcdefghij"))
    with pytest.raises(NasError, match="knows the classes 0, 1"):
        Teacher(TeacherPlan((teacher_run,)), TASK, request(8), CPU).check(other)
    turned = data.preprocess.model_copy(update={"turn_portrait": False})
    with pytest.raises(NasError, match="portraits are turned for one"):
        Teacher(TeacherPlan((teacher_run,)), TASK, request(8), CPU).check(
            replace(data, preprocess=turned)
        )


def named(run: Path | str, **facts: object) -> ArchitectureSpec:
    """A network that was found with that teacher on the built-in digits."""
    known = {"teacher": [str(run)], **facts}
    return replace(network_of(), provenance=Provenance.model_validate(known))


def test_who_taught_the_search_teaches_what_it_found(teacher_run: Path, tmp_path: Path) -> None:
    built_in = TASK.built_in_source
    found = teacher_of(named(teacher_run, data=built_in), None)
    assert found is not None
    assert (found.runs, found.unlabelled) == ((teacher_run,), None)
    assert found.line.startswith(f"small was found with the teacher {teacher_run}: it teaches on")
    with_more = teacher_of(named(teacher_run, data=built_in, unlabelled=str(tmp_path)), None)
    assert with_more is not None
    assert with_more.unlabelled == tmp_path
    lost = teacher_of(named(teacher_run, data=built_in, unlabelled=str(tmp_path / "x")), None)
    assert lost is not None
    assert (lost.runs, lost.unlabelled) == ((teacher_run,), None)
    assert f"without {tmp_path / 'x'}, which is not there any more" in lost.line
    assert teacher_of(network_of(), None) is None


def test_it_does_not_where_it_can_not_and_says_why(teacher_run: Path, tmp_path: Path) -> None:
    own = named(teacher_run, data=TASK.built_in_source)
    rounds = TRAINING.model_copy(update={"pseudo_labelling": PseudoLabellingSpec(rounds=2)})
    for found, reason in (
        (teacher_of(named(tmp_path / "x"), None), f"{tmp_path / 'x'} is not there any more"),
        (teacher_of(own, tmp_path), "it has learned from other data or splits"),
        (teacher_of(replace(own, provenance=own.provenance.joined(Provenance(split_seed=1))),
                    None, fold=2), "it has learned from other data or splits"),
        (teacher_of(own, None, training=rounds), "labels that are added between rounds"),
    ):  # fmt: skip
        assert found is not None
        assert found.runs == ()
        assert f"{reason}: no teacher" in found.line


def test_a_teacher_is_named_as_seen_from_the_file(tmp_path: Path) -> None:
    seen = teacher_from(named("../teacher"), tmp_path / "front" / "trial.yaml")
    assert seen.provenance.teacher == [str(tmp_path / "teacher")]
    assert teacher_from(network_of(), tmp_path / "a.yaml") == network_of()


def test_a_teacher_of_other_splits_is_refused(teacher_run: Path) -> None:
    teacher = Teacher(TeacherPlan((teacher_run,)), TASK, request(8), CPU)
    facts = teacher.trained.architecture.provenance
    facts = facts.model_copy(update={"split_digest": "elsewhere"})
    member = teacher.trained.members[0]
    architecture = replace(member.architecture, provenance=facts)
    teacher.trained = replace(
        teacher.trained, members=(replace(member, architecture=architecture),)
    )
    with pytest.raises(NasError, match="split otherwise"):
        teacher.check(TASK.load_data(request(8)))
