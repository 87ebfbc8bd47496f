"""The tables of folds: figures of one origin a row, the dearest first, other data refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from baselines.covid.published import PUBLISHED_STUDIES
from benchmarks.covid_runs import MeasuredFolds, read_folds
from benchmarks.covid_table import BEGIN, markdown_tables
from benchmarks.marked_place import with_table
from nas.errors import NasError

pytest.importorskip("timm")
pytest.importorskip("effdet")

ARCHITECTURE = """
name: small
task: covid-study
input: {channels: 1, height: 32, width: 48}
preprocess: {kind: xray, labels: opacity}
classes: [none, opacity]
layers:
  - {block: GlobalAvgPool}
"""
STUDY = MeasuredFolds(
    file=Path("a.json"),
    name="efficientnet_b0",
    model="timm:efficientnet_b0",
    labels="study",
    setting="256 px, 20 epochs",
    data="/data",
    folds=(0, 1),
    pooled={
        "macro_f1": 0.5, "macro_f1_ci95": [0.4, 0.6], "mean_auc": 0.75, "mean_auc_ci95": [0.7, 0.8],
        "voc_map": None, "voc_map_ci95": None,
    },
    by_fold=(0.4, 0.6),
    macs=500_000_000,
    parameters=4_000_000,
    minutes_per_fold=3.25,
    machine="EPYC, 1 core",
)  # fmt: skip
COMPACT = replace(STUDY, file=Path("b.json"), name="t7", model=None, macs=9_000_000)
BOXES = replace(
    STUDY,
    file=Path("c.json"),
    labels="boxes",
    name="efficientdet_d0",
    macs=900_000_000,
    pooled={
        "f1_50": 0.3, "f1_50_ci95": [0.2, 0.4], "ap_opacity": 0.25, "ap_opacity_ci95": [0.1, 0.3],
        "map_50": 0.5, "map_50_ci95": [0.4, 0.55],
    },
)  # fmt: skip


def rows_of(tables: str, title: str) -> list[list[str]]:
    """The cells of the table below a title, its head and rule left out."""
    block = tables.partition(f"**{title}")[2].split("\n\n")[1]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines()[2:]]


@pytest.fixture(scope="module")
def tables() -> str:
    return markdown_tables([COMPACT, STUDY, BOXES])


@pytest.mark.slow
def test_ours_have_intervals_and_folds_theirs_what_they_published(tables: str) -> None:
    rows = rows_of(tables, "Classes of studies")
    ours = {row[0]: row for row in rows if row[1] == "here"}
    # the deviation of 0.4 and 0.6 with n - 1 is 0.2 / sqrt(2)
    assert ours["efficientnet_b0"] == [
        "efficientnet_b0", "here", "256 px, 20 epochs",
        "0.5000 (0.400 to 0.600), folds 0.500 ± 0.141", "0.7500 (0.700 to 0.800)", "-",
        "500 M", "4.00 M", "3.2 (EPYC, 1 core)",
    ]  # fmt: skip
    theirs = [row for row in rows if row[1] == "diary, 004-ver11"]
    assert [row[:6] for row in theirs] == [
        ["efficientnet_b5", "diary, 004-ver11", "as ver7; LB 0.365", "-", "-", "0.5470"]
    ]
    published = [row for row in PUBLISHED_STUDIES if row.labels == "study"]
    assert len(rows) == len(published) + 2


@pytest.mark.slow
def test_the_dearest_come_first_and_networks_of_blocks_are_bold(tables: str) -> None:
    names = [row[0] for row in rows_of(tables, "Classes of studies")]
    assert names.index("efficientnet_b6") < names.index("efficientnet_b0") < names.index("**t7**")
    assert names[-1] == "not told"


@pytest.mark.slow
def test_boxes_have_a_table_of_their_own(tables: str) -> None:
    rows = rows_of(tables, "Boxes of opacities")
    assert next(row for row in rows if row[1] == "here")[3:6] == [
        "0.3000 (0.200 to 0.400), folds 0.500 ± 0.141", "0.2500 (0.100 to 0.300)",
        "0.5000 (0.400 to 0.550)",
    ]  # fmt: skip
    assert ["diary, 006 (ver44)", "0.2834"] in [[row[1], row[4]] for row in rows]


def test_other_data_or_folds_are_refused() -> None:
    for change in ({"data": "/other"}, {"folds": (0, 2)}):
        with pytest.raises(NasError, match=r"^b\.json: has other data or folds than a\.json$"):
            markdown_tables([STUDY, replace(COMPACT, **change)])


def write_run(folder: Path, epochs: int, **facts: object) -> Path:
    folder.mkdir(parents=True)
    provenance = "".join(f"  {key}: {value}\n" for key, value in facts.items())
    text = ARCHITECTURE + (f"provenance:\n{provenance}" if facts else "")
    (folder / "architecture.yaml").write_text(text)
    (folder / "training.yaml").write_text(f"epochs: {epochs}\n")
    metrics = {
        "architecture_hash": "abc", "macs": 12, "parameters": 34, "seconds_per_epoch": 30.0,
        "epochs": epochs, "device": "cpu", "threads": 2, "environment": {"processor": "EPYC"},
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def write_folds(file: Path, runs: list[Path]) -> Path:
    folds = [
        {"run": str(run), "fold": fold, "test": {"macro_f1": 0.5}} for fold, run in enumerate(runs)
    ]
    values = {"task": "covid-study", "data": "/data", "pooled": {"macro_f1": 0.5}, "folds": folds}
    file.write_text(json.dumps(values))
    return file


def test_a_file_of_folds_is_read_with_its_runs(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, epochs=4) for name in ("fold-0", "fold-1")]
    found = read_folds(write_folds(tmp_path / "folds.json", runs))
    assert (found.name, found.model, found.labels) == ("small", None, "opacity")
    assert found.setting == "32x48 px, 4 epochs"
    assert (found.minutes_per_fold, found.machine) == (2.0, "EPYC, 2 cores")
    assert (found.folds, found.by_fold) == ((0, 1), (0.5, 0.5))


def test_the_minutes_of_three_steps_are_those_of_all(tmp_path: Path) -> None:
    steps = {"step-1": "teacher", "step-2": "student", "step-3": "fine-tuning"}
    runs = [
        [write_run(tmp_path / fold / name, 4, pipeline_step=step) for name, step in steps.items()]
        for fold in ("fold-0", "fold-1")
    ]
    found = read_folds(write_folds(tmp_path / "folds.json", [fold[-1] for fold in runs]))
    assert found.setting == "32x48 px, 4 epochs, three steps"
    assert found.minutes_per_fold == 6.0


def test_the_fold_that_a_network_was_chosen_on_is_in_its_setting(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "fold-0", 4, split_seed=0),
        write_run(tmp_path / "fold-1", 4, split_seed=1, found_on_split_seed=0),
    ]
    found = read_folds(write_folds(tmp_path / "folds.json", runs))
    assert found.setting == "32x48 px, 4 epochs, chosen on fold 0"


def test_students_of_other_weights_are_refused(tmp_path: Path) -> None:
    runs = [write_student(tmp_path / f"fold-{k}", weight) for k, weight in enumerate((1.0, 0.5))]
    with pytest.raises(NasError, match="in their students' aux_weight"):
        read_folds(write_folds(tmp_path / "folds.json", runs))
    same = write_student(tmp_path / "fold-2", 1.0)
    assert read_folds(write_folds(tmp_path / "folds.json", [runs[0], same])).by_fold == (0.5, 0.5)


def write_student(folder: Path, weight: float) -> Path:
    """The last of three steps."""
    write_run(folder / "step-1", 4, pipeline_step="teacher")
    write_run(folder / "step-2", 4, pipeline_step="student", aux_weight=weight)
    return write_run(folder / "step-3", 4, pipeline_step="fine-tuning")


def test_what_is_no_file_of_like_folds_is_said(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no such file"):
        read_folds(tmp_path / "folds.json")
    (tmp_path / "other.json").write_text('{"task": "covid-study"}')
    with pytest.raises(NasError, match="is no file of `nas covid pool`"):
        read_folds(tmp_path / "other.json")
    runs = [write_run(tmp_path / name, epochs) for name, epochs in (("a", 4), ("b", 5))]
    with pytest.raises(NasError, match="differ in more than the fold"):
        read_folds(write_folds(tmp_path / "folds.json", runs))
    for few in ([], runs[:1]):
        with pytest.raises(NasError, match="holds fewer than two folds"):
            read_folds(write_folds(tmp_path / "folds.json", few))
    runs[1] = write_run(tmp_path / "c", 4, pretrained="true")
    with pytest.raises(NasError, match="differ in more than the fold"):
        read_folds(write_folds(tmp_path / "folds.json", runs))


def test_the_readme_has_the_place() -> None:
    assert with_table(Path(__file__).parents[2] / "baselines" / "README.md", BEGIN, "")
