"""Runs that version 0.1 began, under names of then: they are read, noted once, and go on."""

import json
import shutil
from pathlib import Path

import pytest

from nas.cli.search import search
from nas.cli.train import train
from nas.spec import old_names
from nas.spec.training import PseudoLabellingSpec
from nas.tasks.covid.detection_loss import DetectionLossSpec
from nas.train.plan import RunPlan
from tests.cli.conftest import invoke

RUNS = Path(__file__).parent / "old_runs"
"""Their texts, as `nas train` and `nas search` of 0.1.0 wrote them; without weights."""


@pytest.fixture(autouse=True)
def a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been noted yet."""
    monkeypatch.setattr(old_names, "_noted", set())


def begun(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUNS / name, tmp_path / name))


def notes(folder: Path, text: str) -> list[str]:
    """What is noted, without the folder."""
    lines = [line for line in text.splitlines() if line.startswith("note: ")]
    return [line.removeprefix("note: ").replace(f"{folder}/", "") for line in lines]


UNTIL = "; the old name is read until version 0.3"


def test_a_detector_is_read_with_its_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = begun("detection", tmp_path)
    plan = RunPlan.from_folder(folder)
    assert isinstance(plan.training.loss, DetectionLossSpec)
    assert plan.training.loss.center_sampling_radius == 2.5
    assert plan.training.augment is not None
    assert plan.training.augment.model_dump()["rotate_180"] is True
    assert notes(folder, capsys.readouterr().err) == [
        f"architecture.yaml:18 made_digest is now split_digest{UNTIL}",
        f"training.yaml:13 centre_radius is now center_sampling_radius{UNTIL}",
        f"training.yaml:18 turn_180 is now rotate_180{UNTIL}",
        f"training.yaml:23 relabel is now pseudo_labelling{UNTIL}",
    ]
    assert RunPlan.from_folder(folder) == plan
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_training_in_cycles_goes_on_in_rounds(tmp_path: Path) -> None:
    folder = begun("sed", tmp_path)
    assert RunPlan.from_folder(folder).training.pseudo_labelling == PseudoLabellingSpec(
        rounds=2, threshold=0.6
    )
    (folder / "cycle-1").mkdir()
    result = invoke(train, "--resume", folder, "--device", "cpu")
    assert result.exception is None, result.output
    values = json.loads((folder / "metrics.json").read_text())
    assert [item["round"] for item in values["rounds"]] == [1, 2]
    assert (folder / "cycle-1" / "checkpoint.pt").exists()
    assert (folder / "round-2" / "checkpoint.pt").exists()


def test_a_training_on_other_splits_is_told_by_the_old_digest(tmp_path: Path) -> None:
    folder = begun("image", tmp_path)
    file = folder / "architecture.yaml"
    file.write_text(file.read_text().replace("made_digest: ''", "made_digest: 0123abcd"))
    result = invoke(train, "--resume", folder, "--device", "cpu")
    assert "split" in str(result.exception)
    file.write_text(file.read_text().replace("made_digest: 0123abcd", "made_digest: ''"))
    result = invoke(train, "--resume", folder, "--device", "cpu")
    assert result.exception is None, result.output
    assert (folder / "metrics.json").exists()


def test_a_search_goes_on_from_its_study(tmp_path: Path) -> None:
    folder = begun("search", tmp_path)
    (folder / "trials.csv").unlink()
    result = invoke(search, "--resume", folder)
    assert result.exception is None, result.output
    assert (folder / "trials.csv").read_text() == (RUNS / "search" / "trials.csv").read_text()
    assert notes(folder, result.stderr) == [
        f"settings.yaml:39 turn_180 is now rotate_180{UNTIL}",
        f"settings.yaml:44 relabel is now pseudo_labelling{UNTIL}",
        f"study.log made_digest is now split_digest{UNTIL}",
    ]
    assert "made_digest" not in (folder / "best.yaml").read_text()


def test_a_search_on_other_splits_is_refused_by_the_old_digest(tmp_path: Path) -> None:
    folder = begun("search", tmp_path)
    log = folder / "study.log"
    log.write_text(log.read_text().replace('"made_digest":""', '"made_digest":"0123abcd"'))
    result = invoke(search, "--resume", folder)
    assert "files came or went" in str(result.exception)
