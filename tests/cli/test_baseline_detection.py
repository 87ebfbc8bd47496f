"""`nas baseline covid-detection`: runs on generated radiographs, folds, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nas.train.run as training_run
from nas.cli.baseline_xray import detection_baseline
from nas.cli.evaluate import evaluate
from nas.cli.macs import macs
from nas.cli.predict import predict
from nas.runs.folder import locked_run
from nas.train.plan import RunPlan
from tests.cli.conftest import error_of, invoke
from tests.cli.detection_baseline import (
    D0,
    SMALL,
    done,
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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


@pytest.mark.slow
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
        assert "another process works in this run's folder" in error_of(
            detection_baseline, "--resume", out
        )
    with monkeypatch.context() as patch:
        plans = carried_out_but(patch, lambda plan: False)
        result = done("--resume", out)
    assert [plan.folder.name for plan in plans] == ["fold-1"]
    assert f"finished before: {out / 'fold-0'}" in result.output
    assert (out / "fold-0/metrics.json").read_text() == first
    pooled = json.loads((out / "folds.json").read_text())
    assert [fold["fold"] for fold in pooled["folds"]] == [0, 1]
    assert "all folds are finished" in error_of(detection_baseline, "--resume", out)
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


@pytest.mark.slow
def test_faster_rcnn_is_trained(xrays: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done(
        "--model", SMALL, "--input", "3x128x128", "--threads", 1, "--data", xrays, "--epochs", 1,
        "--out", out,
    )  # fmt: skip
    works_as_any_run(out, xrays)


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
        (
            [*D0, "--weights", "pip:x"],
            "efficientdet_d0 begins with hub or a file of its library, not with 'pip:x'",
        ),
        (["--resume", "nowhere"], "no folds of a baseline were begun here"),
        (["--resume", "x", "--epochs", 3], "the folds keep their settings: leave out --epochs"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[object], says: str) -> None:
    assert says in error_of(detection_baseline, *arguments)
    assert not Path("runs").exists() or not any(Path("runs").glob("*/architecture.yaml"))


def test_all_detectors_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    import baselines.covid.detectors as listing

    monkeypatch.setattr(listing, "DETECTORS", {SMALL: listing.DETECTORS[SMALL]})
    assert SMALL in done("--list").output
