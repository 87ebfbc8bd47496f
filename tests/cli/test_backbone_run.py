"""`--backbone-from`: whose weights a detector begins with, and whose it must not."""

import shutil
from pathlib import Path

import pytest
import torch

from nas.cli.baseline_xray import detection_baseline
from nas.cli.train import train
from nas.errors import NasError
from nas.spec.architecture import load_architecture
from nas.train.plan import RunPlan
from tests.cli.conftest import error_of, invoke
from tests.cli.detection_baseline import (
    D0,
    SMALL,
    Stopped,
    begun_with,
    classifier,
    done,
    plan_of,
    shared_with,
    write_facts,
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
    assert (facts.split_seed, facts.backbone_from) == (2, str(run))


@pytest.mark.slow
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
    (out / "checkpoint.pt").write_bytes(b"")  # holds the backbone's weights already
    begun_with(monkeypatch)
    assert isinstance(invoke(train, "--resume", out).exception, Stopped)


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
    assert load_architecture(out / "architecture.yaml").provenance.backbone_from is None


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
    monkeypatch.setattr("baselines.covid.folds.pool_and_say", lambda *_, **__: None)
    shared = (*D0, "--data", xrays, "--backbone-from", classifiers)
    done(*shared, "--folds", "1,0")
    runs = [classifiers / "fold-1/step-3", classifiers / "fold-0"]
    assert [plan.backbone_from for plan in planned] == runs
    done(*shared, "--fold", 1)
    assert planned[-1].backbone_from == runs[0]
    says = error_of(detection_baseline, *shared, "--folds", "0,2", "--out", "new")
    assert f"{classifiers} --backbone-from: holds folds of a classifier, but not fold 2" in says
    assert not Path("new").exists()


def test_a_classifier_that_has_seen_what_is_tested_is_refused(
    classifiers: Path, xrays: Path
) -> None:
    run = classifiers / "fold-0"
    shared = (*D0, "--data", xrays, "--out", "new", "--backbone-from", run)
    says = error_of(detection_baseline, *shared, "--fold", 1)
    assert f"{run} --backbone-from: was trained on the splits of fold 0" in says
    says = error_of(detection_baseline, *shared, "--folds", "0,1")
    assert "a single run serves one fold, so give the folder of its folds" in says
    write_facts(run, split_seed=0, data=str(xrays), groups="/by/hospital.csv")
    assert "was split by other groups (/by/hospital.csv)" in error_of(detection_baseline, *shared)
    (run / "architecture.yaml").unlink()
    assert f"{run} --backbone-from: no architecture.yaml in it" in error_of(
        detection_baseline, *shared
    )
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
    assert "splits of fold 0" in error_of(
        detection_baseline, *D0, "--backbone-from", run, "--fold", 1
    )
    file.write_text(file.read_text().replace("task: covid-study", "task: image"))  # of digits
    assert plan_of(planned, "--backbone-from", run, "--fold", 1).backbone_from == run


def test_the_backbone_of_another_network_is_refused_before_a_folder_is_made(
    efficientnet: Path,
) -> None:
    model = ("--model", "efficientdet_d1", "--input", "3x128x128")
    says = error_of(detection_baseline, *model, "--backbone-from", efficientnet, "--out", "run")
    assert "--backbone-from: the network there is another" in says
    assert not Path("run").exists()
