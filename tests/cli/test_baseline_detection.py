"""`nas baseline covid-detection`: runs on generated radiographs, folds, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from pydantic import JsonValue
from safetensors.torch import save_file
from torch import nn

import nas.cli.training_run as training_run
from baselines.covid.detection_settings import FROM_SCRATCH, FROM_WEIGHTS
from nas.cli.baseline_detection import detection_baseline
from nas.cli.baseline_folds import begun_folds, resumed_folds
from nas.cli.detection_plan import DetectionSettings, begin_of, detection_plan
from nas.cli.evaluate import evaluate
from nas.cli.macs import macs
from nas.cli.predict import predict
from nas.cli.run_plan import RunPlan
from nas.cli.train import train
from nas.errors import NasError
from nas.runs.locks import locked_run
from nas.spec.architecture import dump_architecture, load_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.preprocess import XrayPreprocess
from nas.spec.training import TrainingSpec
from tests.cli.conftest import invoke

D0 = ("--model", "efficientdet_d0", "--input", "3x128x128", "--threads", 1)
SMALL = "fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def classifier(folder: Path, network: nn.Module, **facts: JsonValue) -> Path:
    """A run as far as its weights, on the built-in set, or on what `facts` say."""
    folder.mkdir(parents=True)
    write_facts(folder, **facts)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return folder


def write_facts(run: Path, **facts: JsonValue) -> None:
    architecture = ArchitectureSpec(
        name="b0",
        input=InputSpec(height=64, width=64),
        model="timm:efficientnet_b0",
        classes=("none", "opacity"),
        task="covid-study",
        provenance=facts,
    )
    (run / "architecture.yaml").write_text(dump_architecture(architecture))


@pytest.fixture(scope="module")
def efficientnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import timm

    torch.manual_seed(5)
    network = timm.create_model("efficientnet_b0", num_classes=2)
    return classifier(tmp_path_factory.mktemp("runs") / "b0", network)


def done(*arguments: object) -> Result:
    result = invoke(detection_baseline, *arguments)
    assert result.exception is None, result.output
    return result


def error_of(*arguments: object) -> str:
    result = invoke(detection_baseline, *arguments)
    assert isinstance(result.exception, NasError), result.output
    return str(result.exception)


class Stopped(Exception):
    """In place of a kill."""


def carried_out_but(
    monkeypatch: pytest.MonkeyPatch, stop: Callable[[RunPlan], bool]
) -> list[RunPlan]:
    """The plans that are begun; one that `stop` is true of goes no further."""
    plans: list[RunPlan] = []
    carry_out = training_run.carry_out

    def noted(plan: RunPlan, *arguments: Any, **options: Any) -> None:
        plans.append(plan)
        if stop(plan):
            raise KeyboardInterrupt
        carry_out(plan, *arguments, **options)

    monkeypatch.setattr(training_run, "carry_out", noted)
    return plans


def begun_with(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Filled with the weights that a training begins with; it is stopped there."""
    weights: dict[str, torch.Tensor] = {}

    def noted(network: nn.Module, *arguments: Any, **options: Any) -> Any:
        weights.update({name: value.clone() for name, value in network.state_dict().items()})
        raise Stopped

    monkeypatch.setattr(training_run, "fit_cycles", noted)
    return weights


def shared_with(weights: dict[str, torch.Tensor], prefix: str, run: Path, there: str = "") -> bool:
    """Whether the backbone, all names behind `prefix`, is that of the run's classifier."""
    from safetensors.torch import load_file

    given = load_file(run / "model.safetensors")
    names = [name.removeprefix(prefix) for name in weights if name.startswith(prefix)]
    assert len(names) > 100
    return all(torch.equal(weights[prefix + name], given[there + name]) for name in names)


def test_folds_that_were_stopped_go_on_with_what_is_left(
    xrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "folds"
    with monkeypatch.context() as patch:
        carried_out_but(patch, lambda plan: plan.folder.name == "fold-1")
        stopped = invoke(
            detection_baseline, *D0, "--data", xrays, "--epochs", 1, "--folds", "0,1", "--out", out
        )
    assert stopped.exit_code == 1
    says = f"stopped in fold 1; go on with: nas baseline covid-detection --resume {out}"
    assert says in stopped.output
    first = (out / "fold-0/metrics.json").read_text()
    with locked_run(out):
        assert "another process works in this run's folder" in error_of("--resume", out)
    with monkeypatch.context() as patch:
        plans = carried_out_but(patch, lambda plan: False)
        result = done("--resume", out)
    assert [plan.folder.name for plan in plans] == ["fold-1"]
    assert f"finished before: {out / 'fold-0'}" in result.output
    assert (out / "fold-0/metrics.json").read_text() == first
    pooled = json.loads((out / "folds.json").read_text())
    assert [fold["fold"] for fold in pooled["folds"]] == [0, 1]
    assert "all folds are finished" in error_of("--resume", out)
    works_as_any_run(out / "fold-1", xrays)


def works_as_any_run(run: Path, xrays: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    result = invoke(evaluate, run, "--threads", 1, "--json")
    assert result.exception is None, result.output
    for name in ("f1_50", "map_50"):
        assert json.loads(result.stdout)[name] == pytest.approx(values["test"][name], abs=1e-6)
    file = next(iter(sorted(xrays.glob("train/*/*/*.dcm"))))
    result = invoke(predict, run, file)
    assert result.exception is None, result.output
    assert json.loads(result.stdout)[0]["opacities"] >= 0
    result = invoke(macs, "--arch", run / "architecture.yaml", "--json")
    assert result.exception is None, result.output
    assert str(values["macs"]) in result.stdout


def test_the_backbone_begins_with_a_classifier_s_weights(
    xrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models import mobilenet_v3_large

    network, out = mobilenet_v3_large(weights=None), tmp_path / "r"
    run = classifier(tmp_path / "classifier", network, split_seed=2, data=str(xrays))
    weights = begun_with(monkeypatch)
    arguments = ("--model", SMALL, "--input", "1x128x128", "--threads", 1, "--fold", 2)
    result = invoke(
        detection_baseline, *arguments, "--data", xrays, "--backbone-from", run, "--out", out
    )
    assert isinstance(result.exception, Stopped), result.output
    assert shared_with(weights, "model.backbone.body.", run, "features.")
    facts = load_architecture(out / "architecture.yaml").provenance
    assert (facts["split_seed"], facts["backbone_from"]) == (2, str(run))


@pytest.mark.slow
def test_faster_rcnn_is_trained(xrays: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done(
        "--model", SMALL, "--input", "3x128x128", "--threads", 1, "--data", xrays, "--epochs", 1,
        "--out", out,
    )  # fmt: skip
    works_as_any_run(out, xrays)


def test_a_run_stopped_before_its_first_checkpoint_begins_with_the_backbone_again(
    xrays: Path, efficientnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = tmp_path / "classifier", tmp_path / "run"
    shutil.copytree(efficientnet, run)
    arguments = (*D0, "--data", xrays, "--backbone-from", run, "--out", out)
    with monkeypatch.context() as patch:
        first = begun_with(patch)
        assert isinstance(invoke(detection_baseline, *arguments).exception, Stopped)
    assert shared_with(first, "model.backbone.", run)
    with monkeypatch.context() as patch:
        again = begun_with(patch)
        assert isinstance(invoke(train, "--resume", out).exception, Stopped)
    assert first.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    shutil.rmtree(run)
    refused = invoke(train, "--resume", out)
    assert isinstance(refused.exception, NasError)
    assert "no weights in it" in str(refused.exception)
    (out / "checkpoint.pt").write_bytes(b"")
    assert begin_of(RunPlan.from_folder(out)) is None


def test_what_is_trained_from_its_architecture_alone_has_no_backbone(
    xrays: Path, tmp_path: Path
) -> None:
    """The fact is of one run, and not of all that have its architecture."""
    (tmp_path / "architecture.yaml").write_text(
        "task: covid-detection\ninput: {channels: 3, height: 128, width: 128}\nhead: none\n"
        "model: baselines.covid.effdet:efficientdet_d0\nclasses: [opacity]\n"
        "provenance: {backbone_from: nowhere}\n"
    )
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        begun_with(patch)
        arch = tmp_path / "architecture.yaml"
        result = invoke(train, "--arch", arch, "--data", xrays, "--out", out, "--threads", 1)
        assert isinstance(result.exception, Stopped), result.output
    assert load_architecture(out / "architecture.yaml").provenance["backbone_from"] is None


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[RunPlan]:
    """The plans that the command would carry out."""
    plans: list[RunPlan] = []
    monkeypatch.setattr(
        training_run, "carry_out", lambda plan, device, begin=None: plans.append(plan)
    )
    return plans


def plan_of(plans: list[RunPlan], *arguments: object) -> RunPlan:
    done(*D0, *arguments)
    return plans.pop()


def settled(training: TrainingSpec, **changes: object) -> dict[str, object]:
    return {**training.model_dump(exclude={"loss", "augment"}), **changes}


def test_settings_follow_the_weights_that_it_begins_with(
    planned: list[RunPlan], efficientnet: Path
) -> None:
    plan = plan_of(planned)
    assert settled(plan.training) == settled(FROM_SCRATCH)
    assert plan.training.loss is not None
    assert plan.folder == Path("runs/efficientdet_d0-baseline")
    assert plan.source is None
    assert not plan.pretrained
    plan = plan_of(planned, "--backbone-from", efficientnet, "--accumulate", 2, "--epochs", 3)
    assert settled(plan.training) == settled(FROM_WEIGHTS, accumulate=2, epochs=3)
    assert plan.backbone_from == efficientnet


def test_a_detector_takes_the_inputs_of_another_network(
    planned: list[RunPlan], tmp_path: Path, xrays: Path
) -> None:
    file = tmp_path / "compact.yaml"
    file.write_text(
        "task: covid-detection\ninput: {channels: 1, height: 256, width: 128}\n"
        "head: none\nmodel: x:y\n"
        "preprocess: {kind: xray, labels: boxes, interpolation: lanczos, mean: [0.4], std: [0.2]}\n"
        f"provenance: {{split_seed: 3, made_digest: abc, data: {xrays}, trial: 7}}\n"
    )
    like = ("--model", "efficientdet_d0", "--threads", 1, "--inputs-of", file)
    done(*like)
    plan = planned.pop()
    assert plan.architecture.input.shape == (1, 256, 128)
    assert plan.architecture.preprocess == XrayPreprocess(
        labels="boxes", interpolation="lanczos", mean=(0.4,), std=(0.2,)
    )
    facts = {"split_seed": 3, "made_digest": "abc", "data": str(xrays)}
    assert plan.architecture.provenance == facts
    assert plan.source == xrays
    done(*like, "--input", "3x128x128", "--fold", 1)
    plan = planned.pop()
    assert plan.architecture.preprocess is not None
    assert not plan.architecture.preprocess.says_normalisation
    assert plan.architecture.provenance == {"split_seed": 1, "data": str(xrays)}


@pytest.mark.parametrize("mean", [None, (0.4, 0.4, 0.4)])
def test_folds_go_on_from_their_file_alone(
    tmp_path: Path, mean: tuple[float, float, float] | None
) -> None:
    said = {} if mean is None else {"mean": mean, "std": (0.2, 0.2, 0.2)}
    settings = DetectionSettings(
        folds=(3, 0),
        model=SMALL,
        input=InputSpec(channels=3, height=128, width=64),
        preprocess=XrayPreprocess(labels="boxes", **said),
        provenance={"split_seed": 3, "made_digest": "abc", "data": str(tmp_path)},
        training=FROM_WEIGHTS,
        data=tmp_path,
        groups=None,
        strict=True,
        pretrained=True,
        backbone_from=tmp_path / "classifiers",
        threads=2,
    )
    for fold in (0, 3):
        run = tmp_path / f"classifiers/fold-{fold}"
        run.mkdir(parents=True)
        write_facts(run, split_seed=fold, data=str(tmp_path))
    with begun_folds(tmp_path / "out", "name", settings):
        pass
    with resumed_folds(tmp_path / "out", DetectionSettings) as again:
        assert again == settings
        assert again.preprocess.says_normalisation == (mean is not None)
    plans = [detection_plan(again, fold, tmp_path) for fold in (3, 0)]
    data = {"data": str(tmp_path)}
    assert [plan.architecture.provenance for plan in plans] == [
        {"split_seed": 3, "made_digest": "abc", **data},
        {"split_seed": 0, **data},
    ]
    begun = [plan.backbone_from for plan in plans]
    assert begun == [tmp_path / f"classifiers/fold-{fold}" for fold in (3, 0)]
    own, other = (plan.architecture.preprocess for plan in plans)
    assert own == settings.preprocess
    assert other is not None
    assert not other.says_normalisation  # it would know what fold 0 tests


@pytest.fixture
def classifiers(tmp_path: Path, efficientnet: Path, xrays: Path) -> Path:
    """Two folds of a classifier, the second of three steps."""
    out = tmp_path / "classifiers"
    for fold, place in ((0, "fold-0"), (1, "fold-1/step-3")):
        shutil.copytree(efficientnet, out / place)
        write_facts(out / place, split_seed=fold, data=str(xrays))
    return out


def test_each_fold_begins_with_its_own_classifier(
    planned: list[RunPlan], classifiers: Path, xrays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.cli.covid_pool.pool_and_show", lambda *_: None)
    shared = (*D0, "--data", xrays, "--backbone-from", classifiers)
    done(*shared, "--folds", "1,0")
    runs = [classifiers / "fold-1/step-3", classifiers / "fold-0"]
    assert [plan.backbone_from for plan in planned] == runs
    done(*shared, "--fold", 1)
    assert planned[-1].backbone_from == runs[0]
    says = error_of(*shared, "--folds", "0,2", "--out", "new")
    assert f"{classifiers} --backbone-from: holds folds of a classifier, but not fold 2" in says
    assert not Path("new").exists()


def test_a_classifier_that_has_seen_what_is_tested_is_refused(
    classifiers: Path, xrays: Path
) -> None:
    run = classifiers / "fold-0"
    shared = (*D0, "--data", xrays, "--out", "new", "--backbone-from", run)
    says = error_of(*shared, "--fold", 1)
    assert f"{run} --backbone-from: was trained on the splits of fold 0" in says
    says = error_of(*shared, "--folds", "0,1")
    assert "a single run serves one fold, so give the folder of its folds" in says
    write_facts(run, split_seed=0, data=str(xrays), groups="/by/hospital.csv")
    assert "was split by other groups (/by/hospital.csv)" in error_of(*shared)
    (run / "architecture.yaml").unlink()
    assert f"{run} --backbone-from: no architecture.yaml in it" in error_of(*shared)
    assert not Path("new").exists()


def test_a_classifier_of_other_data_may_have_any_fold(
    planned: list[RunPlan], efficientnet: Path, xrays: Path, tmp_path: Path
) -> None:
    run = tmp_path / "classifier"
    shutil.copytree(efficientnet, run)
    elsewhere = str(tmp_path)
    write_facts(run, split_seed=3, data=elsewhere, groups="/by/hospital.csv")
    plan = plan_of(planned, "--data", xrays, "--backbone-from", run, "--fold", 1)
    assert plan.backbone_from == run
    write_facts(run)
    file = run / "architecture.yaml"
    assert "splits of fold 0" in error_of(*D0, "--backbone-from", run, "--fold", 1)
    file.write_text(file.read_text().replace("task: covid-study", "task: image"))  # of digits
    assert plan_of(planned, "--backbone-from", run, "--fold", 1).backbone_from == run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give --model NAME, --resume OUT or --list, one of them"),
        (["--list", *D0], "one of them"),
        (["--list", "--epochs", 3, "--strict"], "--list: all detectors are shown: leave out --ep"),
        (["--model", "efficientdet-d0"], "did you mean 'efficientdet_d0'"),
        ([*D0, "--input", "2x128x128"], "input.channels: images have 1 channel (grey) or 3"),
        ([*D0, "--input", "3x100x128"], "can't take an input of 100x128; allowed: multiples of"),
        ([*D0, "--fold", 5], "--fold: the covid-detection task has no fold 5; allowed: 0 to 4"),
        ([*D0, "--fold", 1, "--folds", "0,1"], "give --fold K or --folds K,L,..., one of them"),
        ([*D0, "--folds", "0,5"], "--folds: there is no fold 5; allowed: 0 to 4"),
        ([*D0, "--folds", "1,2,1"], "--folds: fold 1 is given twice"),
        ([*D0, "--folds", "1"], "--folds: names one fold: give two or more, or --fold"),
        ([*D0, "--folds", "0-4"], "'0-4' is no list of folds; write them as in 0,1,2"),
        ([*D0, "--data", "nowhere", "--folds", "0,1"], "nowhere"),
        (
            [*D0, "--backbone-from", "nowhere"],
            "nowhere --backbone-from: no architecture.yaml in it",
        ),
        (["--resume", "nowhere"], "no folds of a baseline were begun here"),
        (["--resume", "x", "--epochs", 3], "the folds keep their settings: leave out --epochs"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[object], says: str) -> None:
    assert says in error_of(*arguments)
    assert not Path("runs").exists() or not any(Path("runs").glob("*/architecture.yaml"))


def test_the_backbone_of_another_network_is_refused_before_a_folder_is_made(
    efficientnet: Path,
) -> None:
    says = error_of("--model", "efficientdet_d1", "--input", "3x128x128", "--backbone-from",
                    efficientnet, "--out", "run")  # fmt: skip
    assert "--backbone-from: the network there is another" in says
    assert not Path("run").exists()


def test_a_network_without_x_ray_settings_has_no_inputs_to_take(architecture_file: Path) -> None:
    says = error_of(*D0, "--inputs-of", architecture_file)
    assert "has no settings of X-rays to take" in says


def test_all_detectors_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    import baselines.covid.detector_listing as listing

    monkeypatch.setattr(listing, "DETECTORS", {SMALL: listing.DETECTORS[SMALL]})
    assert SMALL in done("--list").output
