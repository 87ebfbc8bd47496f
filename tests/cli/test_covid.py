"""Chest X-rays as they are typed, on a few generated radiographs."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from nas.cli.evaluate import evaluate
from nas.cli.macs import macs
from nas.cli.predict import predict
from nas.cli.search import search
from nas.cli.space import space
from nas.cli.train import train
from nas.errors import NasError
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS
from nas.train.trained import load_trained

from ..search.conftest import put_workers_here
from .conftest import ARCHITECTURE, LUNGS, SPOTS, invoke, train_on_xrays

FAST = ("--device", "cpu", "--threads", 1)
ONE_EPOCH = ("--epochs", 1, "--batch-size", 16, *FAST)
STUDY_CLASSES = ["negative", "typical", "indeterminate", "atypical"]
SPACE = """
name: spots
task: covid-detection
input: {channels: 1, height: 64, width: 64}
classes: [opacity]
head: detection
neck: {block: [FPN, BiFPN], out: [8, 16]}
layers:
  - {name: stem, block: Conv, out: [4, 8], kernel: 3, stride: 4, activation: ReLU}
  - {name: s8, block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {name: s16, block: Conv, out: [8, 16], kernel: 3, stride: 2, activation: ReLU}
  - {name: s32, block: Conv, out: [8, 16], kernel: 3, stride: 2, activation: ReLU}
search: {trials: 3, sampler: random, stop: none, finalists: 0}
training: {epochs: 1, batch_size: 16}
"""


def problem(result: object) -> str:
    """What a refused command says."""
    error = getattr(result, "exception", None)
    assert isinstance(error, NasError), result
    return str(error)


def files_of(data: Path) -> list[Path]:
    return sorted((data / "train").rglob("*.dcm"))


def fold_of(data: Path) -> dict[str, str]:
    """Fold of each image, as the table gives it."""
    rows = csv.DictReader((data / "meta.csv").read_text().splitlines())
    return {row["image_id"]: row["fold"] for row in rows}


@pytest.mark.parametrize(
    ("role", "classes", "metric"),
    [
        ("study", STUDY_CLASSES, "macro_f1"),
        ("opacity", ["none", "opacity"], "macro_f1"),
        ("detection", ["opacity"], "f1_50"),
    ],
)
def test_a_run_keeps_what_evaluation_gives_again(
    role: str, classes: list[str], metric: str, xrays: Path, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(f"{role}_run")
    kept = json.loads((run / "metrics.json").read_text())
    assert yaml.safe_load((run / "architecture.yaml").read_text())["classes"] == classes
    for split in ("validation", "test"):
        result = invoke(evaluate, run, "--split", split, "--json", *FAST)
        assert result.exception is None, result.output
        values = json.loads(result.stdout)
        assert values == {"split": split, "data": str(xrays), **kept[split]}
        assert 0 <= values[metric] <= 1
    shown = invoke(evaluate, run, *FAST).stdout.splitlines()
    title = {"macro_f1": "macro-F1", "f1_50": "F1 at IoU 0.5"}[metric]
    assert shown[-1].startswith(f"test {title} {kept['test'][metric]:.4f} (95 % interval ")
    assert (run / "confusion.png").exists() == (role != "detection")


def test_the_threshold_of_validation_counts_the_test_split(detection_run: Path) -> None:
    values = json.loads((detection_run / "metrics.json").read_text())
    kept = yaml.safe_load((detection_run / "thresholds.yaml").read_text())
    assert kept == {"opacity": values["validation"]["threshold"]}
    assert values["validation"]["threshold_from"] == "other patients"
    assert values["test"]["threshold"] == values["validation"]["threshold"]
    assert values["test"]["threshold_from"] == "given"


def test_predict_says_classes_and_that_it_is_no_diagnosis(
    study_run: Path, xrays: Path, tmp_path: Path
) -> None:
    result = invoke(predict, study_run, *files_of(xrays)[:3], *FAST)
    assert result.exception is None, result.output
    assert result.stderr == f"Note: {NOT_FOR_DIAGNOSIS}\n"
    assert "not for diagnosis" in NOT_FOR_DIAGNOSIS
    found = json.loads(result.stdout)
    assert [item["file"] for item in found] == [str(file) for file in files_of(xrays)[:3]]
    for item in found:
        assert list(item["probabilities"]) == STUDY_CLASSES
        assert sum(item["probabilities"].values()) == pytest.approx(1)
        assert item["probability"] == item["probabilities"][item["class"]]
        assert item["probability"] == max(item["probabilities"].values())
        assert item["notice"] == NOT_FOR_DIAGNOSIS
    out = tmp_path / "all.csv"
    assert invoke(predict, study_run, xrays, "--format", "csv", "--out", out).exit_code == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["file"] for row in rows] == [str(file) for file in files_of(xrays)]
    assert float(rows[0]["probabilities:typical"]) == pytest.approx(
        found[0]["probabilities"]["typical"], abs=1e-6
    )


def test_predict_says_boxes_in_the_pixels_of_the_files(
    detection_run: Path, xrays: Path, tmp_path: Path
) -> None:
    import pydicom

    out, files = tmp_path / "x.csv", files_of(xrays)
    result = invoke(predict, detection_run, xrays, "--format", "csv", "--out", out, *FAST)
    assert result.exception is None, result.output
    assert result.stderr == f"Note: {NOT_FOR_DIAGNOSIS}\n"
    rows = list(csv.DictReader(out.read_text().splitlines()))
    boxes = list(csv.DictReader((tmp_path / "x.boxes.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == [str(file) for file in files]
    assert [int(row["opacities"]) for row in rows] == [
        sum(box["file"] == str(file) for box in boxes) for file in files
    ]
    (threshold,) = load_trained(detection_run).thresholds.values()
    sizes = {}
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        sizes[str(file)] = header.Columns, header.Rows
    assert boxes
    for box in boxes:
        width, height = sizes[box["file"]]
        assert 0 <= float(box["x1"]) < float(box["x2"]) <= width
        assert 0 <= float(box["y1"]) < float(box["y2"]) <= height
        assert float(box["score"]) >= threshold
        assert box["class"] == "opacity"
    # Some box ends at its picture's edge, and not where the network's input of 64 pixels ends.
    assert {float(box["x2"]) for box in boxes} & {float(width) for width, _ in sizes.values()}


@pytest.mark.parametrize("role", ["study", "detection"])
def test_a_broken_file_is_named_and_the_others_are_predicted(
    role: str, xrays: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"no X-ray")
    run, good = request.getfixturevalue(f"{role}_run"), files_of(xrays)[0]
    result = invoke(predict, run, broken, good, *FAST)
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert first["file"] == str(broken)
    assert set(first) == {"file", "error"}
    assert first["error"]
    assert "error" not in second
    alone = json.loads(invoke(predict, run, good, *FAST).stdout)
    assert second == alone[0]
    assert "Error: 1 of 2 files have no prediction" in result.stderr


def test_macs_of_each_task_meet_the_formula(
    study_run: Path, opacity_run: Path, detection_run: Path
) -> None:
    """Convolutions: kernel x channels in x channels out x locations."""
    body = 9 * 8 * 16**2 + 9 * 8 * 16 * 8**2
    spots = 9 * 8 * 16**2 + 9 * 8 * 16 * 8**2 + 9 * 16 * 16 * (4**2 + 2**2)
    locations = 8**2 + 4**2 + 2**2
    for run, expected in (
        (study_run, body + 16 * 4),
        (opacity_run, body + 16 * 2),
        # A map's 16 channels become 8, a separable 3x3 follows; another in the head; 6 outputs.
        (detection_run, spots + locations * (16 * 8 + 2 * (9 * 8 + 8 * 8) + 8 * 6)),
    ):
        result = invoke(macs, "--arch", run / "architecture.yaml", "--json")
        assert result.exception is None, result.output
        assert json.loads(result.stdout)["macs"] == expected
        assert json.loads((run / "metrics.json").read_text())["macs"] == expected


def test_a_space_of_detectors_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "spots.yaml"
    file.write_text(SPACE)
    result = invoke(space, "check", file, "--samples", 20)
    assert result.exception is None, result.output
    assert "spots: task covid-detection, 4 layers, 1 class" in result.output
    assert "members     32 distinct networks, counted exactly" in result.output
    assert "requires    maps at the strides 8, 16 and 32" in result.output
    for old, new, said in (
        ("head: detection\nneck: {block: [FPN, BiFPN], out: [8, 16]}", "head: linear", ":6 head: "),
        ("stride: 4", "stride: [2, 4]", "a detector needs maps at the strides 8, 16, 32"),
        ("classes: [opacity]", "preprocess: {kind: image}\nclasses: 1", ":5 preprocess.kind: "),
        (
            "classes: [opacity]",
            "preprocess: {kind: xray, labels: study}\nclasses: 1",
            ":5 preprocess.labels: 'study' is not allowed: the covid-detection task has boxes",
        ),
    ):
        assert old in SPACE
        file.write_text(SPACE.replace(old, new))
        assert said in problem(invoke(space, "check", file))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, xrays: Path) -> Path:
    """A search of three detectors whose test split is fold 1."""
    folder = tmp_path_factory.mktemp("searches") / "found"
    file = folder.with_name("spots.yaml")
    file.write_text(SPACE)
    with pytest.MonkeyPatch.context() as patch:
        put_workers_here(patch)
        result = invoke(
            search, "--space", file, "--data", xrays, "--fold", 1, "--out", folder,
            "--workers", 1, *FAST,
        )  # fmt: skip
    assert result.exception is None, result.output
    assert "F1 at IoU 0.5" in result.output
    return folder


def test_a_search_of_detectors_has_their_metric(found: Path) -> None:
    rows = list(csv.DictReader((found / "trials.csv").read_text().splitlines()))
    assert len(rows) == 3
    assert all(0 <= float(row["f1_50"]) <= 1 for row in rows)
    assert "macro_f1" not in rows[0]
    best = yaml.safe_load((found / "best.yaml").read_text())
    facts = best["provenance"]
    assert str(facts["validation_f1_50"]) == rows[facts["trial"]]["f1_50"]
    assert facts["split_seed"] == 1
    assert best["head"] == "detection"
    assert best["neck"]["block"] in ("FPN", "BiFPN")
    assert "F1 at IoU 0.5" in (found / "report.html").read_text()


def test_a_network_on_other_folds_than_it_was_found_on_is_warned_of(
    found: Path, xrays: Path, tmp_path: Path
) -> None:
    best = ("--arch", found / "best.yaml")
    own = invoke(train, *best, "--out", tmp_path / "own", *ONE_EPOCH)
    assert own.exception is None, own.output
    assert "the search that found this network" not in own.output
    other = invoke(train, *best, "--fold", 2, "--out", tmp_path / "other", *ONE_EPOCH)
    assert other.exception is None, other.output
    assert "WARNING: the search that found this network had the splits of fold 1" in other.output
    tested = json.loads((tmp_path / "own" / "metrics.json").read_text())["test"]
    copies = 3  # images that nobody marked are left out, all of them somewhere
    in_fold = list(fold_of(xrays).values()).count("1")
    assert in_fold - copies <= tested["images"] <= in_fold


def test_a_fold_is_what_is_tested(study_run: Path, xrays: Path, tmp_path: Path) -> None:
    result = train_on_xrays(LUNGS, xrays, tmp_path / "run", "--fold", 3)
    assert result.exception is None, result.output
    studies = {file.stem: file.parts[-3] for file in files_of(xrays)}
    for run, fold in ((study_run, "0"), (tmp_path / "run", "3")):
        tested = {studies[image] for image, where in fold_of(xrays).items() if where == fold}
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["test"]["samples"] == len(tested)
        facts = yaml.safe_load((run / "architecture.yaml").read_text())["provenance"]
        assert facts["split_seed"] == int(fold)
    # that of fold 0 has seen images that are tested here: mean and std are measured anew
    text, again = (study_run / "architecture.yaml").read_text(), tmp_path / "again"
    assert train_on_xrays(text, xrays, again, "--fold", 3).exception is None
    first, other, same = (
        yaml.safe_load((run / "architecture.yaml").read_text())["preprocess"]
        for run in (study_run, tmp_path / "run", again)
    )
    assert same == other
    assert same["mean"] != first["mean"]


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        (LUNGS, ("--labels", "boxes"), "no labels 'boxes'; allowed: study, opacity"),
        (SPOTS, ("--labels", "study"), "no labels 'study'; allowed: none"),
        (ARCHITECTURE, ("--labels", "study"), "the image task has no labels 'study'"),
        (LUNGS, ("--fold", 5), "the covid-study task has no fold 5; allowed: 0 to 4"),
        (ARCHITECTURE, ("--fold", 0), "the image task has no fold 0; allowed: none"),
        (LUNGS, ("--no-turn",), "the covid-study task has no pictures to turn"),
        (SPOTS.replace("head: detection", "head: linear"), (), "only head: detection has a neck"),
        (SPOTS.replace("stride: 4", "stride: 2"), (), "maps at the strides 8, 16, 32"),
        (SPOTS + "preprocess: {kind: xray, labels: opacity}", (), "preprocess.labels: 'opacity'"),
        (LUNGS + "preprocess: {kind: image}", (), "preprocess.kind: 'image' is not allowed"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_data(
    text: str, flags: tuple[object, ...], said: str, xrays: Path, tmp_path: Path
) -> None:
    result = train_on_xrays(text, xrays, tmp_path / "run", *flags)
    assert said in problem(result)
    assert result.output == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_any_backbone_gets_the_detector_s_head(xrays: Path, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    result = invoke(
        train, "--model", "timm:resnet10t", "--task", "covid-detection", "--input", "1x64x64",
        "--data", xrays, "--out", tmp_path / "run", *ONE_EPOCH,
    )  # fmt: skip
    assert result.exception is None, result.output
    trained = load_trained(tmp_path / "run").architecture
    assert trained.head == "detection"
    assert trained.neck is not None
    assert trained.classes == ("opacity",)
    again = invoke(evaluate, tmp_path / "run", "--json", *FAST)
    assert again.exception is None, again.output
    kept = json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]
    assert json.loads(again.stdout)["counts"] == kept["counts"]
