"""`nas baseline sed`: flags, a run on generated recordings, an ensemble, and what is refused."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from click.testing import Result

import nas.train.run as training_run
from baselines.sed.backbones import BACKBONES, BEST_PRACTICE, PLAIN, SoundBackbone
from benchmarks.sed_runs import read_run
from benchmarks.sed_table import markdown_table
from nas.cli.baseline import sed_baseline
from nas.cli.evaluate import evaluate
from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.audio.preprocess import MelPreprocess
from nas.data.synthetic.audio import GeneratedAudio, write_recordings
from nas.model.reference import allow_module
from nas.spec.architecture import load_architecture
from nas.spec.definition import BeginSpec
from nas.spec.provenance import Provenance
from nas.spec.training import PseudoLabellingSpec
from nas.tasks.sed.losses import KnownLabelLossSpec
from nas.train import fitting
from nas.train.plan import RunPlan
from tests.cli.conftest import error_of, invoke

TINY = """
from torch import nn

def features():
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=4, padding=2), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=(2, 1), padding=1), nn.BatchNorm2d(16), nn.ReLU(),
    )
"""
SHORT = GeneratedAudio(
    train_recordings=8, test_recordings=3, duration_s=3.0, classes=3, longest_call_s=0.6
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder, SHORT)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Iterator[tuple[Path, Path]]:
    """Two finished runs of a tiny backbone that differ in their seed and head."""
    root = tmp_path_factory.mktemp("runs")
    (root / "tiny_backbone.py").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("NAS_CACHE", str(root / "cache"))
        patch.delitem(sys.modules, "tiny_backbone", raising=False)
        allow_module("tiny_backbone")
        patch.setitem(BACKBONES, "tiny", SoundBackbone("tiny", "tiny_backbone:features", 16))
        for name, *more in (("a", "--mixup"), ("b", "--cbam", "--seed", 1)):
            train("--data", recordings, "--out", root / name, *more)
        yield root / "a", root / "b"


def train(*arguments: object) -> Result:
    result = invoke(
        sed_baseline, "--backbone", "tiny", "--input", "1x32x64", "--overlap", 8, "--epochs", 2,
        "--batch-size", 4, "--rounds", 2, "--threshold", 0.6, "--threads", 1, *arguments,
    )  # fmt: skip
    assert result.exception is None, result.output
    return result


def test_a_run_is_one_of_nas_train(runs: tuple[Path, Path]) -> None:
    architecture = load_architecture(runs[0] / "architecture.yaml")
    assert architecture.model == "tiny_backbone:features"
    assert architecture.head == "attention"
    assert isinstance(architecture.preprocess, MelPreprocess)
    assert architecture.preprocess.overlap_frames == 8
    assert (architecture.preprocess.mean, architecture.preprocess.std) != (-40.0, 20.0)
    values = json.loads((runs[0] / "metrics.json").read_text())
    assert 0 <= values["test"]["lwlrap"] <= 1
    result = invoke(evaluate, runs[0], "--json")
    assert result.exception is None, result.output
    assert json.loads(result.stdout)["lwlrap"] == pytest.approx(values["test"]["lwlrap"], abs=1e-6)


def test_the_ensemble_is_measured_and_tabled_beside_its_members(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "mean"
    result = invoke(sed_baseline, "--ensemble", runs[0], "--ensemble", runs[1], "--out", out)
    assert result.exception is None, result.output
    assert "test macro-F1" in result.output
    values = json.loads((out / "metrics.json").read_text())
    members = [json.loads((run / "metrics.json").read_text()) for run in runs]
    assert values["macs"] == sum(member["macs"] for member in members)
    assert values["parameters"] == sum(member["parameters"] for member in members)
    assert set(values["thresholds"]) == set(values["classes"])
    again = json.loads(invoke(evaluate, out, "--json").stdout)
    assert {name: again[name] for name in values["test"]} == values["test"]
    table = markdown_table([read_run(folder) for folder in (*runs, out)])
    assert "mean of tiny, tiny-cbam" in table
    assert "2 epochs, mixup (last layer), 2 rounds at 0.6" in table
    assert "2 epochs, CBAM, 2 rounds at 0.6" in table


def test_an_ensemble_of_what_does_not_go_together_is_refused(
    runs: tuple[Path, Path], recordings: Path, tmp_path: Path
) -> None:
    train("--data", recordings, "--out", tmp_path / "c", "--overlap", 16)
    says = error_of(sed_baseline, "--ensemble", runs[0], "--ensemble", tmp_path / "c")
    assert "differs in preprocess from the first network" in says
    assert "at least two runs" in error_of(sed_baseline, "--ensemble", runs[0])
    both = ("--ensemble", runs[0], "--ensemble", runs[1])
    assert "leave out --cbam, --epochs" in error_of(sed_baseline, *both, "--epochs", 3, "--cbam")
    falsy = ("--no-focal", "--overlap", 0, "--seed", 0)
    assert "leave out --focal, --overlap, --seed" in error_of(sed_baseline, *both, *falsy)


def test_a_baseline_is_divided_as_the_network_whose_inputs_it_takes(
    runs: tuple[Path, Path], recordings: Path, tmp_path: Path
) -> None:
    groups = tmp_path / "groups.csv"
    files = sorted(recordings.glob("t*/*.flac"))
    places = [
        f"{file.parent.name}/{file.name},{file.parent.name}{number // 2}"
        for number, file in enumerate(files)
    ]
    groups.write_text("\n".join(["path,group", *places]) + "\n")
    first = tmp_path / "first"
    train("--data", recordings, "--groups", groups, "--out", first)
    own = load_architecture(first / "architecture.yaml").provenance
    plain = load_architecture(runs[0] / "architecture.yaml").provenance
    assert own.split_digest != plain.split_digest
    train("--inputs-of", first / "architecture.yaml", "--out", tmp_path / "second")
    second = load_architecture(tmp_path / "second" / "architecture.yaml").provenance
    assert (second.groups, second.split_digest) == (str(groups), own.split_digest)
    says = error_of(
        sed_baseline, "--backbone", "tiny", "--inputs-of", runs[0] / "architecture.yaml",
        "--groups", groups, "--threads", 1, "--out", tmp_path / "third",
    )  # fmt: skip
    assert "splits that are made from them are others" in says


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[RunPlan]:
    """The plans that the command would carry out."""
    plans: list[RunPlan] = []
    monkeypatch.setattr(training_run, "carry_out", lambda plan, device, **_: plans.append(plan))
    monkeypatch.chdir(tmp_path)
    return plans


def plan_of(plans: list[RunPlan], *arguments: object) -> RunPlan:
    result = invoke(sed_baseline, "--backbone", "resnet18", "--threads", 1, *arguments)
    assert result.exception is None, result.output
    return plans.pop()


def test_without_flags_a_baseline_is_trained_plainly(planned: list[RunPlan]) -> None:
    plan = plan_of(planned)
    assert plan.training == PLAIN
    assert (plan.architecture.model, plan.architecture.head) == ("timm:resnet18", "attention")
    assert plan.architecture.input.shape == (1, 128, 512)
    assert not plan.pretrained
    assert plan.folder == Path("runs/resnet18-baseline")


def test_flags_count_beside_the_best_practice(planned: list[RunPlan]) -> None:
    assert plan_of(planned, "--best-practice").training == BEST_PRACTICE
    plan = plan_of(
        planned, "--best-practice", "--mixup", "input", "--no-focal", "--positive-decay", 0.5,
        "--rounds", 4, "--accumulate", 2, "--pretrained", "--cbam",
    )  # fmt: skip
    loss, augment = plan.training.loss, plan.training.augment
    assert loss == KnownLabelLossSpec(kind="known_bce", positive_decay=0.5)
    assert augment == SpectrogramAugmentSpec(mixup="input")
    assert plan.training.pseudo_labelling == PseudoLabellingSpec(rounds=4, threshold=0.5)
    assert plan.training.accumulate == 2
    assert plan.pretrained
    assert plan.architecture.head == "cbam_attention"
    assert plan_of(planned, "--best-practice", "--rounds", 1).training.pseudo_labelling is None


def test_a_backbone_begins_with_a_file_of_its_library(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One plane gives what three copies of it gave; spectrograms keep their own normalisation."""
    begun: list[dict[str, torch.Tensor]] = []

    def stopped(network: torch.nn.Module, *_: object, **__: object) -> None:
        begun.append(network.state_dict())
        raise KeyboardInterrupt

    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(BACKBONES, "tiny", SoundBackbone("tiny", "timm:test_efficientnet", 64))
    monkeypatch.setattr(fitting, "fit_rounds", stopped)
    state = timm.create_model("test_efficientnet").state_dict()
    torch.save(state, tmp_path / "weights.pth")
    result = invoke(
        sed_baseline, "--backbone", "tiny", "--data", recordings, "--out", tmp_path / "run",
        "--input", "1x128x512", "--threads", 1, "--weights", tmp_path / "weights.pth",
    )  # fmt: skip
    assert begun, result.output
    torch.testing.assert_close(
        begun[0]["layers.conv_stem.weight"], state["conv_stem.weight"].sum(1, keepdim=True)
    )
    architecture = load_architecture(tmp_path / "run" / "architecture.yaml")
    assert architecture.begin == BeginSpec(weights=str(tmp_path / "weights.pth"))
    assert isinstance(architecture.preprocess, MelPreprocess)
    assert architecture.preprocess.mean != 0.5


def test_the_window_s_overlap_leaves_the_normalisation_to_the_data(planned: list[RunPlan]) -> None:
    plan = plan_of(planned, "--input", "3x64x512", "--overlap", 23)
    assert plan.architecture.input.shape == (3, 64, 512)
    assert isinstance(plan.architecture.preprocess, MelPreprocess)
    assert plan.architecture.preprocess.overlap_frames == 23
    assert not plan.architecture.preprocess.says_normalisation


def test_a_baseline_takes_the_inputs_of_another_network(
    planned: list[RunPlan], tmp_path: Path
) -> None:
    file = tmp_path / "compact.yaml"
    file.write_text(
        "task: sed\ninput: {channels: 1, height: 64, width: 512}\nhead: attention\n"
        "layers: [{block: Conv, out: 8, stride: 4}]\nprovenance: {split_seed: 3}\n"
        "preprocess: {kind: mel, sample_rate_hz: 16000, hop_samples: 256}\n"
    )
    architecture = plan_of(planned, "--inputs-of", file).architecture
    assert architecture.input.shape == (1, 64, 512)
    assert architecture.preprocess == MelPreprocess(sample_rate_hz=16_000, hop_samples=256)
    assert architecture.provenance == Provenance(split_seed=3)
    assert architecture.model == "timm:resnet18"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give --backbone NAME, --ensemble RUN twice or more, or --list"),
        (["--list", "--backbone", "resnet18"], "one of them"),
        (["--backbone", "resnet19"], "did you mean 'resnet18'"),
        (["--backbone", "resnet18", "--threshold", 0.9], "--threshold: labels are added between"),
        (["--backbone", "resnet18", "--threshold", 0.9, "--rounds", 1], "give --rounds 2 or more"),
        (["--backbone", "resnet18", "--input", "128x512"], "no input size"),
        (["--backbone", "resnet18", "--input", "1x128x256"], "8 time steps, and at least 16"),
        (["--backbone", "resnet18", "--overlap", 512], "windows of 512 frames can't share 512"),
        (["--backbone", "resnet18", "--data", "nowhere"], "nowhere"),
        (["--backbone", "resnet18", "--weights", "none.pth"], "--weights: no such file of weights"),
        (
            ["--backbone", "resnet18", "--weights", "pip:x"],
            "timm:resnet18 begins with hub or a file of its library, not with 'pip:x'",
        ),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[object], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in error_of(sed_baseline, *arguments)


@pytest.mark.slow
def test_a_real_backbone_is_trained_as_published(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    result = invoke(
        sed_baseline, "--backbone", "efficientnet_b0", "--best-practice", "--cbam", "--data",
        recordings, "--out", tmp_path / "run", "--epochs", 1, "--rounds", 2, "--threads", 1,
    )  # fmt: skip
    assert result.exception is None, result.output
    said = read_run(tmp_path / "run").practices
    assert said == (
        "1 epoch",
        "CBAM",
        "mixup (last layer)",
        "focal",
        "positive decay",
        "4 batches a step",
        "2 rounds at 0.5",
    )
    assert markdown_table([read_run(tmp_path / "run")]).count("0.8897") == 0  # beside CBAM: nothing


def test_labels_are_added_below_certainty() -> None:
    refused = invoke(sed_baseline, "--backbone", "resnet18", "--rounds", 2, "--threshold", 1)
    assert refused.exit_code == 2
    assert "1 is not in the range 0<x<1" in refused.output.replace("1.0", "1")
