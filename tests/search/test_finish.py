"""Searches that are told to end before all networks are trained."""

import json
from pathlib import Path
from typing import Any

import pytest

import nas.search.trainer as trainer_module
from nas.errors import NasError
from nas.runs.folder import locked_run
from nas.search.final_study import read_finals
from nas.search.finish import FINISH_FILE, FinishRequest, ask_to_finish, finish_request
from nas.search.journal import JournalStore
from nas.search.run import SearchInterrupted, finish_search, resume_search, run_search
from nas.search.settings import read_settings
from nas.spec.space import parse_space

from .conftest import SPACE, begin, copy_of, settings_for, trials_of
from .test_kill import begin as begin_process
from .test_kill import kill, trained, wait_for

HERE = pytest.mark.usefixtures("workers_here")


def repeats(run: Path) -> list[str]:
    store = JournalStore(run)
    return [item.state for item in read_finals(store.finals())] if store.finals_begun() else []


def interrupted_after(
    networks: int, run: Path, data: Path, patch: pytest.MonkeyPatch, **search: Any
) -> None:
    """A search that Ctrl-C stops in the training behind so many."""
    fit, calls = trainer_module.fit, []

    def stopping(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) > networks:
            raise KeyboardInterrupt
        return fit(*arguments, **options)

    with patch.context() as during:
        during.setattr(trainer_module, "fit", stopping)
        with pytest.raises(SearchInterrupted):
            begin(run, data, trials=9, **search)


@pytest.mark.slow
@HERE
def test_an_interrupted_search_trains_its_finalists_and_no_network(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    interrupted_after(3, run, pictures, monkeypatch, finalists=1, final_seeds=2)
    assert (run / "best.yaml").read_text().startswith("# Preliminary choice: 3 of 9 networks")
    said: list[str] = []
    result = finish_search(run, say=said.append)
    assert result is not None
    assert result.preliminary is None
    assert repeats(run) == ["trained", "trained"]
    assert [item.state for item in trials_of(run) if item.state != "duplicate"] == ["trained"] * 3
    assert "Preliminary" not in (run / "best.yaml").read_text()
    assert "Finished as it was asked to: 3 of 9 networks were trained; --resume" in said[-1]
    resume_search(run, say=lambda text: None)  # a search that has ended can go on
    assert sum(item.state == "trained" for item in trials_of(run)) == 9


@HERE
def test_without_finalists(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    interrupted_after(2, run, pictures, monkeypatch, finalists=2)
    (run / "best.yaml").unlink()
    (run / "report.html").unlink()
    result = finish_search(run, finalists=0, say=lambda text: None)
    assert result is not None
    assert result.choice is not None
    assert repeats(run) == []
    assert (run / "report.html").is_file()
    assert not (run / "best.yaml").read_text().startswith("#")
    assert read_settings(run).search.finalists == 2, "what the search was begun with stays"


@HERE
def test_a_request_that_comes_while_networks_are_trained(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made where the folder is held, as `nas search --finish` finds it."""
    run, fit, calls, answers = tmp_path / "run", trainer_module.fit, [], []

    def asking(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            answers.append(finish_search(run, finalists=1, say=said.append))
        return fit(*arguments, **options)

    said: list[str] = []
    monkeypatch.setattr(trainer_module, "fit", asking)
    settings = settings_for(pictures, trials=9, finalists=0, final_seeds=1)
    result = run_search(parse_space(SPACE), settings, out=run, say=said.append)
    assert answers == [None]
    assert any("was told to finish: it begins no further network" in line for line in said)
    assert [item.state for item in result.records if item.state != "duplicate"] == ["trained"] * 2
    assert repeats(run) == ["trained"]
    assert not (run / FINISH_FILE).exists()


@HERE
def test_a_request_among_the_finalists_may_want_none(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nas.search.final_trainer as final_module

    run, fit = tmp_path / "run", final_module.fit

    def asking(*arguments: Any, **options: Any) -> Any:
        ask_to_finish(run, FinishRequest(finalists=0))
        return fit(*arguments, **options)

    monkeypatch.setattr(final_module, "fit", asking)
    begin(run, pictures, trials=3, finalists=3, final_seeds=2)
    assert repeats(run) == ["trained"]
    assert not (run / FINISH_FILE).exists()


def test_a_request_of_before_holds_no_search_up(
    finished: Path, tmp_path: Path, workers_here: None
) -> None:
    run = copy_of(finished, tmp_path)
    ask_to_finish(run, FinishRequest())
    resume_search(
        run,
        say=lambda text: None,
        change=lambda old: old.model_copy(
            update={"search": old.search.model_copy(update={"trials": 5})}
        ),
    )
    assert sum(item.state == "trained" for item in trials_of(run)) == 5


def test_what_is_no_request(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    assert finish_request(run) is None
    (run / FINISH_FILE).write_text('{"finalists": -1}')
    with pytest.raises(NasError, match="is no request to finish"):
        finish_request(run)
    with pytest.raises(NasError, match="holds no search"):
        finish_search(tmp_path)
    with locked_run(run):
        finish_search(run, finalists=0, say=lambda text: None)
    assert json.loads((run / FINISH_FILE).read_text()) == {"finalists": 0}


@pytest.mark.slow
def test_real_processes_that_run_or_were_killed(tmp_path: Path, pictures: Path) -> None:
    process = begin_process(tmp_path, pictures, 500, "--finalists", 1, "--final-seeds", 1)
    run = tmp_path / "run"
    wait_for(lambda: len(trained(run)) >= 3)
    wait_for((run / "best.yaml").exists)
    finish_search(run, say=lambda text: None)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "--finish was asked for" in output
    assert "Finished as it was asked to" in output
    assert repeats(run) == ["trained"]

    other = tmp_path / "killed"
    other.mkdir()
    process = begin_process(other, pictures, 500)
    run = other / "run"
    wait_for(lambda: len(trained(run)) >= 3)
    kill(process)
    known = len(trained(run))
    result = finish_search(run, finalists=0, say=lambda text: None)
    assert result is not None
    assert len(result.front) >= 1
    assert len(trained(run)) == known
