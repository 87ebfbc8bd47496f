"""A search that goes on: after an end, after Ctrl-C, and when it must not."""

import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest

from nas.errors import NasError
from nas.runs.folder import locked_run
from nas.search import trainer as trainer_module
from nas.search.journal import open_study
from nas.search.run import SearchInterrupted, resume_search
from nas.search.settings import SearchSettings, read_settings, write_settings
from nas.search.trials import note_candidate
from nas.spec.space import parse_space

from .conftest import SPACE, begin, copy_of, trials_of, write_pictures

pytestmark = pytest.mark.usefixtures("workers_here")


def more(settings: SearchSettings, trials: int) -> SearchSettings:
    search = settings.search.model_copy(update={"trials": trials})
    return settings.model_copy(update={"search": search})


def test_resume_goes_on_to_more_trials(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    before = trials_of(run)
    resume_search(run, say=lambda text: None, change=lambda old: more(old, 6))
    after = trials_of(run)
    assert after[: len(before)] == before
    trained = [item.architecture_hash for item in after if item.state == "trained"]
    assert len(trained) == len(set(trained)) == 6
    assert read_settings(run).search.trials == 6


def test_resume_of_a_finished_search_writes_its_results_again(
    finished: Path, tmp_path: Path
) -> None:
    run = copy_of(finished, tmp_path)
    before = (run / "trials.csv").read_bytes()
    for name in ("trials.csv", "best.yaml"):
        (run / name).unlink()
    shutil.rmtree(run / "front")
    said: list[str] = []
    resume_search(run, say=said.append)
    assert (run / "trials.csv").read_bytes() == before
    assert (run / "best.yaml").is_file()
    assert "4 trials are done" in said[-1]


def test_interrupted_trial_is_run_again_as_it_was(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    study = open_study(run / "study.log", optuna.samplers.RandomSampler(seed=99))
    space = parse_space(SPACE).with_classes(("class0", "class1", "class2"))
    from nas.search.candidates import price

    killed = study.ask()
    candidate = price(space.sample(killed))
    note_candidate(killed, candidate, -1)
    half_drawn = study.ask()  # killed before its first parameter
    said: list[str] = []
    resume_search(run, say=said.append, change=lambda old: more(old, 5))
    assert "2 trials were interrupted and are begun again" in said
    again = [item for item in trials_of(run) if item.number > half_drawn.number]
    assert again[0].architecture_hash == candidate.architecture_hash
    assert sum(item.state in ("trained", "failed") for item in trials_of(run)) == 5
    assert not {killed.number, half_drawn.number} & {item.number for item in trials_of(run)}


def test_ctrl_c_leaves_results_and_the_network_for_later(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, calls = trainer_module.fit, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(*arguments, **options)

    monkeypatch.setattr(trainer_module, "fit", interrupted)
    run = tmp_path / "run"
    with pytest.raises(SearchInterrupted) as caught:
        begin(run, pictures, trials=4)
    assert caught.value.result is not None
    assert len(caught.value.result.front) >= 1
    assert [item.state for item in trials_of(run) if item.state != "duplicate"] == ["trained"] * 2
    assert (run / "best.yaml").is_file()
    study = open_study(run / "study.log")
    [stopped] = study.get_trials(states=(optuna.trial.TrialState.FAIL,))
    resume_search(run, say=lambda text: None)
    assert sum(item.state == "trained" for item in trials_of(run)) == 4
    hashes = [item.architecture_hash for item in trials_of(run) if item.state == "trained"]
    assert stopped.user_attrs["architecture_hash"] in hashes


def test_ctrl_c_before_the_first_trial(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.search.journal.open_study", interrupted)
    with pytest.raises(SearchInterrupted) as caught:
        begin(tmp_path / "run", pictures)
    assert caught.value.folder == tmp_path / "run"
    assert caught.value.result is None


def test_resume_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="holds no search"):
        resume_search(tmp_path)
    with pytest.raises(NasError, match="holds no search"):
        resume_search(tmp_path / "nowhere")


def test_resume_refuses_a_folder_in_use(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    with locked_run(run), pytest.raises(NasError, match="another process"):
        resume_search(run)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("settings.yaml", "search: {trials: many}"),
        ("settings.yaml", ""),
        ("settings.yaml", "{"),
        ("space.yaml", "name: x"),
        ("space.yaml", "\x00"),
        ("study.log", "what\never\n"),
    ],
)
def test_resume_refuses_damaged_files(
    finished: Path, tmp_path: Path, name: str, content: str
) -> None:
    run = copy_of(finished, tmp_path)
    (run / name).write_text(content)
    with pytest.raises(NasError, match=name):
        resume_search(run, say=lambda text: None)


def test_resume_refuses_other_data(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    settings = read_settings(run)
    gone = settings.model_copy(update={"data": str(tmp_path / "gone")})
    write_settings(run, gone)
    with pytest.raises(NasError, match="gone"):
        resume_search(run)
    other = write_pictures(tmp_path / "other", 4, train=4, validation=2)
    write_settings(run, settings.model_copy(update={"data": str(other)}))
    with pytest.raises(NasError, match="other classes"):
        resume_search(run, change=lambda old: more(old, 9))


# What a user trips over
