"""Ctrl-C and SIGTERM: what there is is written, a second one ends at once."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baselines.covid.classifiers import BACKBONES, ClassifierBackbone
from nas.cli import interrupt
from nas.cli.interrupt import heed_signals
from nas.cli.main import main
from nas.data.synthetic.xrays import write_xrays
from nas.report.progress import SearchProgress
from nas.runs.records import TrialRecord
from tests.cli.test_baseline_study import QUICK, SHORT, TINY
from tests.search.conftest import SPACE, put_workers_here, trials_of, write_pictures
from tests.search.test_kill import trained

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def own_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The handlers of before come back, and no signal has come."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    monkeypatch.setattr(interrupt, "_came", [])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupted(fit: Any, number: int, when: int) -> Any:
    """The training, in whose call of that count the signal comes."""
    calls: list[int] = []

    def fit_until(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == when:
            os.kill(os.getpid(), number)
        return fit(*arguments, **options)

    return fit_until


@pytest.mark.parametrize("number", SIGNALS)
def test_a_search_writes_its_results_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    from nas.search import trainer

    (tmp_path / "space.yaml").write_text(SPACE)
    write_pictures(tmp_path / "data", 3)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trainer, "fit", interrupted(trainer.fit, number, 3))
    put_workers_here(monkeypatch)
    words = "search --space space.yaml --data data --out run --trials 5 --workers 1 --stop none"
    monkeypatch.setattr(sys, "argv", ["nas", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 128 + number
    assert "Go on with: nas search --resume run" in capsys.readouterr().err
    run = tmp_path / "run"
    assert [item.state for item in trials_of(run)].count("trained") == 2 == len(trained(run))
    assert (run / "best.yaml").is_file()
    assert (run / "report.html").is_file()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_trial_is_told_of_loses_no_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    number: int,
) -> None:
    """Also where there are other threads, one of which the system may give the signal to."""
    (tmp_path / "space.yaml").write_text(SPACE)
    write_pictures(tmp_path / "data", 3)
    monkeypatch.chdir(tmp_path)
    put_workers_here(monkeypatch)
    ended_test = threading.Event()
    threading.Thread(target=ended_test.wait, daemon=True).start()
    request.addfinalizer(ended_test.set)
    finished = SearchProgress.finished

    def interrupted_first(self: SearchProgress, record: TrialRecord, so_far: int) -> None:
        if record.number == 1:
            os.kill(os.getpid(), number)
        finished(self, record, so_far)

    monkeypatch.setattr(SearchProgress, "finished", interrupted_first)
    words = "search --space space.yaml --data data --out run --trials 3 --workers 1 --stop none"
    monkeypatch.setattr(sys, "argv", ["nas", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 128 + number
    lines = capsys.readouterr().out.splitlines()
    for item in trained(tmp_path / "run"):
        assert sum(line.startswith(f"trial {item.number:3} ") for line in lines) == 1, lines


@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_says_how_to_go_on(
    photos: Path,
    architecture_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    from nas.train import loop

    monkeypatch.setattr(loop, "train_epoch", interrupted(loop.train_epoch, number, 2))
    run = tmp_path / "run"
    words = ["--arch", architecture_file, "--data", photos, "--out", run, "--epochs", 2]
    monkeypatch.setattr(sys, "argv", ["nas", "train", *map(str, words), "--device", "cpu"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 128 + number
    assert f"go on with: nas train --resume {run}" in capsys.readouterr().out


def test_a_pipeline_keeps_its_steps_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nas.train import loop

    write_xrays(tmp_path / "data", SHORT)
    monkeypatch.setattr(loop, "train_epoch", interrupted(loop.train_epoch, signal.SIGTERM, 2))
    run = tmp_path / "run"
    monkeypatch.setitem(BACKBONES, "tiny", TINY)
    monkeypatch.setattr(
        ClassifierBackbone, "model", lambda self, pretrained: f"timm:{self.weights}"
    )
    words = ["--backbone", "tiny", "--steps", 3, "--data", tmp_path / "data", "--out", run, *QUICK]
    monkeypatch.setattr(sys, "argv", ["nas", "baseline", "covid-study", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 143
    assert f"go on with: nas baseline covid-study --resume {run}" in capsys.readouterr().out
    assert (run / "step-1" / "metrics.json").is_file()
    assert not (run / "step-2" / "metrics.json").exists()


TWICE = """
import os, signal, sys
from nas.cli.interrupt import heed_signals
heed_signals()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    print("first", flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
    print("never")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_at_once(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(int(number))], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (128 + number, "first\n")


def test_a_signal_that_is_ignored_stays_so() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    heed_signals()
    assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}
