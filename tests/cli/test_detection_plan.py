"""What the flags of `nas baseline covid-detection` settle, before anything is trained."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from baselines.covid.detection_plan import DetectionSettings, detection_plan
from baselines.covid.detectors import FROM_SCRATCH, FROM_WEIGHTS
from baselines.covid.effdet import EfficientDetector
from baselines.covid.faster_rcnn import FasterRCNN
from baselines.covid.folds import begun_folds, resumed_folds
from nas.cli.baseline_xray import detection_baseline
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.model.build import build_network
from nas.spec.definition import BeginSpec, InputSpec
from nas.spec.training import TrainingSpec
from nas.train.plan import RunPlan
from tests.cli.conftest import error_of
from tests.cli.detection_baseline import (
    D0,
    SMALL,
    done,
    plan_of,
    write_facts,
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def resolved(training: TrainingSpec, **changes: object) -> dict[str, object]:
    return {**training.model_dump(exclude={"loss", "augment", "sampler"}), **changes}


def test_settings_follow_the_weights_that_it_begins_with(
    planned: list[RunPlan], efficientnet: Path
) -> None:
    plan = plan_of(planned)
    assert resolved(plan.training) == resolved(FROM_SCRATCH)
    assert plan.training.loss is not None
    assert plan.folder == Path("runs/efficientdet_d0-baseline")
    assert plan.source is None
    assert not plan.pretrained
    plan = plan_of(planned, "--backbone-from", efficientnet, "--accumulate", 2, "--epochs", 3)
    assert resolved(plan.training) == resolved(FROM_WEIGHTS, accumulate=2, epochs=3)
    assert plan.backbone_from == efficientnet


@pytest.mark.parametrize("channels", [1, 3])
def test_published_weights_bring_their_normalisation(
    planned: list[RunPlan], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "baselines.covid.detection_plan.build_network", lambda *_, **__: nn.Identity()
    )
    size = f"{channels}x128x128"
    plan = plan_of(planned, "--input", size, "--weights", "hub")
    assert plan.pretrained
    preprocess = plan.architecture.preprocess
    assert isinstance(preprocess, XrayPreprocess)
    mean = (0.485, 0.456, 0.406)
    assert preprocess.mean == pytest.approx(mean if channels == 3 else [sum(mean) / 3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "kind", "classes"),
    [("efficientdet_d0", EfficientDetector, 90), (SMALL, FasterRCNN, 90)],
)
def test_a_file_of_the_library_s_weights_fills_all_but_what_follows_the_classes(
    planned: list[RunPlan], tmp_path: Path, model: str, kind: Any, classes: int
) -> None:
    torch.manual_seed(1)
    state = kind(model, classes).library_network.state_dict()
    torch.save(state, tmp_path / "coco.pth")
    done("--model", model, "--input", "3x128x128", "--threads", 1, "--weights", "coco.pth")
    plan = planned.pop()
    assert resolved(plan.training) == resolved(FROM_WEIGHTS)
    assert plan.architecture.begin == BeginSpec(weights=str(tmp_path / "coco.pth"))
    assert isinstance(plan.architecture.preprocess, XrayPreprocess)
    assert plan.architecture.preprocess.mean == (0.485, 0.456, 0.406)
    network: Any = build_network(plan.architecture, weights=tmp_path / "coco.pth")
    other = [
        name.rpartition(".")[0]
        for name, value in network.library_network.state_dict().items()
        if not torch.equal(value, state[name]) and not name.endswith("num_batches_tracked")
    ]
    assert set(other) == set(network.of_classes)
    torch.save({name: state[name] for name in state if "backbone" in name}, tmp_path / "coco.pth")
    with pytest.raises(NasError, match="weights of another network"):
        build_network(plan.architecture, weights=tmp_path / "coco.pth")


def test_a_detector_takes_the_inputs_of_another_network(
    planned: list[RunPlan], tmp_path: Path, xrays: Path
) -> None:
    file = tmp_path / "compact.yaml"
    file.write_text(
        "task: covid-detection\ninput: {channels: 1, height: 256, width: 128}\n"
        "head: none\nmodel: x:y\n"
        "preprocess: {kind: xray, labels: boxes, interpolation: lanczos, mean: [0.4], std: [0.2]}\n"
        f"provenance: {{split_seed: 3, split_digest: abc, data: {xrays}, trial: 7}}\n"
    )
    like = ("--model", "efficientdet_d0", "--threads", 1, "--inputs-of", file)
    done(*like)
    plan = planned.pop()
    assert plan.architecture.input.shape == (1, 256, 128)
    assert plan.architecture.preprocess == XrayPreprocess(
        labels="boxes", interpolation="lanczos", mean=(0.4,), std=(0.2,)
    )
    facts = {"split_seed": 3, "split_digest": "abc", "data": str(xrays)}
    assert plan.architecture.provenance.said() == facts
    assert plan.source == xrays
    done(*like, "--input", "3x128x128", "--fold", 1)
    plan = planned.pop()
    assert plan.architecture.preprocess is not None
    assert not plan.architecture.preprocess.says_normalisation
    assert plan.architecture.provenance.said() == {"split_seed": 1, "data": str(xrays)}


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
        provenance={"split_seed": 3, "split_digest": "abc", "data": str(tmp_path)},
        training=FROM_WEIGHTS,
        data=tmp_path,
        groups=None,
        strict=True,
        pretrained=False,
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
    assert [plan.architecture.provenance.said() for plan in plans] == [
        {"split_seed": 3, "split_digest": "abc", **data},
        {"split_seed": 0, **data},
    ]
    begun = [plan.backbone_from for plan in plans]
    assert begun == [tmp_path / f"classifiers/fold-{fold}" for fold in (3, 0)]
    own, other = (plan.architecture.preprocess for plan in plans)
    assert own == settings.preprocess
    assert other is not None
    assert not other.says_normalisation  # it would know what fold 0 tests


def test_a_network_without_x_ray_settings_has_no_inputs_to_take(architecture_file: Path) -> None:
    says = error_of(detection_baseline, *D0, "--inputs-of", architecture_file)
    assert "has no settings of X-rays to take" in says
