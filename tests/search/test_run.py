"""Whole searches in this process: what they train on, write, resume and refuse."""

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.runs.locks import locked_run
from nas.runs.trials import TRIAL_COLUMNS, TrialRecord, read_trials_csv
from nas.search import trainer as trainer_module
from nas.search.choice import pareto_front
from nas.search.journal import KilledWritersFile, open_study
from nas.search.run import SearchInterrupted, begin_search, continue_search
from nas.search.settings import SearchSettings, read_settings, write_settings
from nas.search.trials import note_candidate, records_of
from nas.spec.architecture import load_architecture
from nas.spec.sampler_names import SAMPLER_NAMES
from nas.spec.space import SpaceSpec, parse_space
from nas.tasks.image import ImageTask

from .conftest import FEW, SPACE, settings_for, write_pictures

pytestmark = pytest.mark.usefixtures("workers_here")


def begin(folder: Path, data: Path, text: str = SPACE, **options: Any) -> list[str]:
    said: list[str] = []
    begin_search(folder, parse_space(text), settings_for(data, **options), say=said.append)
    return said


def trials_of(folder: Path) -> tuple[TrialRecord, ...]:
    return read_trials_csv(folder / "trials.csv")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A search of four trainings."""
    from .conftest import WorkersHere

    folder = tmp_path_factory.mktemp("runs") / "a run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.search.run.LocalWorkers", WorkersHere)
        begin(folder, pictures, trials=4)
    return folder


def test_stable_outputs(finished: Path) -> None:
    for name in ("best.yaml", "study.log", "report.html", "settings.yaml", "front.png"):
        assert (finished / name).stat().st_size > 0
    header = (finished / "trials.csv").read_text().splitlines()[0].split(",")
    assert header[:7] == list(TRIAL_COLUMNS[:7]) == [
        "number", "state", "macs", "parameters", "macro_f1", "architecture_hash", "seconds"
    ]  # fmt: skip
    records = trials_of(finished)
    assert [item.state for item in records if item.state != "duplicate"] == ["trained"] * 4
    front = {f"trial-{item.number:04d}.yaml" for item in pareto_front(records)}
    assert {file.name for file in (finished / "front").iterdir()} == front


def test_front_files_rebuild_the_networks(finished: Path) -> None:
    records = {item.number: item for item in trials_of(finished)}
    for file in (finished / "front").iterdir():
        architecture = load_architecture(file)
        record = records[int(file.stem.removeprefix("trial-"))]
        report = count_macs(build_network(architecture), architecture.input.shape)
        assert (report.total, report.parameters) == (record.macs, record.parameters)
        assert architecture.provenance["validation_macro_f1"] == record.macro_f1
        assert architecture.classes == ("class0", "class1", "class2")
        assert architecture.preprocess is not None
        assert architecture.preprocess.mean is not None


def test_space_is_kept_and_settings_come_back(finished: Path, pictures: Path) -> None:
    assert (finished / "space.yaml").read_text() == SPACE
    assert read_settings(finished) == settings_for(pictures, trials=4)


def test_same_seed_same_search(finished: Path, tmp_path: Path, pictures: Path) -> None:
    begin(tmp_path / "b", pictures, trials=4)
    before = [(item.architecture_hash, item.macro_f1) for item in trials_of(finished)]
    assert [(item.architecture_hash, item.macro_f1) for item in trials_of(tmp_path / "b")] == before


def test_test_split_is_never_read(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(pictures, data)
    (data / "test" / "class0").mkdir(parents=True)
    (data / "test" / "class0" / "poison.png").write_bytes(b"no picture")
    (data / "test" / "class1").mkdir()
    (data / "test" / "class1" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    asked: list[tuple[str, ...]] = []
    load = ImageTask.load_data

    def spy(task: ImageTask, *arguments: Any, splits: Any = None, **options: Any) -> Any:
        asked.append(splits)
        return load(task, *arguments, splits=splits, **options)

    monkeypatch.setattr(ImageTask, "load_data", spy)
    said = begin(tmp_path / "run", data, trials=1)
    assert asked
    assert all(splits == ("train", "validation") for splits in asked)
    assert not [line for line in said if "left out" in line]


def test_over_budget_never_reaches_training(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    fit = trainer_module.fit

    def spy(network: Any, *arguments: Any, **options: Any) -> Any:
        trained.append(count_macs(network, (3, 8, 8)).total)
        return fit(network, *arguments, **options)

    monkeypatch.setattr(trainer_module, "fit", spy)
    begin(tmp_path / "run", pictures, trials=4, max_macs=40_000)
    records = trials_of(tmp_path / "run")
    assert [item for item in records if item.state == "over_budget"]
    assert len(trained) == 4
    assert max(trained) <= 40_000


def test_budget_that_nothing_fits(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(NasError, match=r"smallest has [\d,]+ MACs"):
        begin(tmp_path / "run", pictures, FEW, max_macs=10)


def test_exhausted_space_ends_and_says_so(tmp_path: Path, pictures: Path) -> None:
    said = begin(tmp_path / "run", pictures, FEW, trials=50)
    records = trials_of(tmp_path / "run")
    assert sum(item.state == "trained" for item in records) == 6
    assert "6 of 50" in said[-1]
    assert "exhausted" in said[-1]


def test_classes_are_the_datas(tmp_path: Path) -> None:
    data = write_pictures(tmp_path / "data", 6, train=4, validation=2)
    nine = SPACE.replace("classes: 10", "classes: 9")
    nine = nine.replace(
        "  - {name: gap, block: GlobalAvgPool}\n",
        "  - {name: gap, block: GlobalAvgPool}\n"
        "  - {name: last, block: FixedConv, out: classes, kernel: 1, activation: null}\n",
    ).replace("classes: 9\n", "classes: 9\nhead: none\n")
    begin(tmp_path / "run", data, nine, trials=1)
    architecture = load_architecture(tmp_path / "run" / "best.yaml")
    assert len(architecture.classes) == 6
    assert architecture.feature_shape() == (6, 1, 1)


def test_input_size_can_be_a_choice(tmp_path: Path, pictures: Path) -> None:
    sizes = SPACE.replace("height: 8, width: 8", "size: [[8, 8], [10, 12]]")
    begin(tmp_path / "run", pictures, sizes, trials=6)
    files = [
        record.architecture_yaml for record in records_of(open_study(tmp_path / "run/study.log"))
    ]
    heights = {yaml.safe_load(text or "")["input"]["height"] for text in files}
    assert heights == {8, 10}


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_every_sampler_runs(tmp_path: Path, pictures: Path, sampler: str) -> None:
    begin(tmp_path / "run", pictures, trials=2, sampler=sampler)
    assert sum(item.state == "trained" for item in trials_of(tmp_path / "run")) == 2


def test_minutes_end_it(tmp_path: Path, pictures: Path) -> None:
    said = begin(tmp_path / "run", pictures, trials=100_000, minutes=0.02)
    assert "time is up" in said[-1]
    assert 0 < len(trials_of(tmp_path / "run")) < 1_000


# Going on


def copy_of(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def more(settings: SearchSettings, trials: int) -> SearchSettings:
    search = settings.search.model_copy(update={"trials": trials})
    return settings.model_copy(update={"search": search})


def test_resume_goes_on_to_more_trials(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    before = trials_of(run)
    continue_search(run, say=lambda text: None, change=lambda old: more(old, 6))
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
    continue_search(run, say=said.append)
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
    continue_search(run, say=said.append, change=lambda old: more(old, 5))
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
    continue_search(run, say=lambda text: None)
    assert sum(item.state == "trained" for item in trials_of(run)) == 4
    hashes = [item.architecture_hash for item in trials_of(run) if item.state == "trained"]
    assert stopped.user_attrs["architecture_hash"] in hashes


def test_ctrl_c_before_the_first_trial(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.search.run.open_study", interrupted)
    with pytest.raises(SearchInterrupted) as caught:
        begin(tmp_path / "run", pictures)
    assert caught.value.folder == tmp_path / "run"
    assert caught.value.result is None


def test_resume_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="holds no search"):
        continue_search(tmp_path)
    with pytest.raises(NasError, match="holds no search"):
        continue_search(tmp_path / "nowhere")


def test_resume_refuses_a_folder_in_use(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    with locked_run(run), pytest.raises(NasError, match="another process"):
        continue_search(run)


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
        continue_search(run, say=lambda text: None)


def test_resume_refuses_other_data(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    settings = read_settings(run)
    gone = settings.model_copy(update={"data": str(tmp_path / "gone")})
    write_settings(run, gone)
    with pytest.raises(NasError, match="gone"):
        continue_search(run)
    other = write_pictures(tmp_path / "other", 4, train=4, validation=2)
    write_settings(run, settings.model_copy(update={"data": str(other)}))
    with pytest.raises(NasError, match="other classes"):
        continue_search(run, change=lambda old: more(old, 9))


# What a user trips over


def test_mistake_leaves_no_folder(tmp_path: Path, pictures: Path, space: SpaceSpec) -> None:
    with pytest.raises(NasError, match="nowhere"):
        begin(tmp_path / "run", tmp_path / "nowhere")
    one = write_pictures(tmp_path / "one", 1)
    with pytest.raises(NasError, match="class"):
        begin(tmp_path / "run", one)
    wrong = settings_for(pictures).model_copy(update={"device": "cuda:77"})
    with pytest.raises(NasError, match="cuda:77"):
        begin_search(tmp_path / "run", space, wrong)
    with pytest.raises(NasError, match="channels"):
        begin(tmp_path / "run", pictures, SPACE.replace("channels: 3", "channels: 5"))
    assert not (tmp_path / "run").exists()


def test_folder_that_is_taken_is_refused_before_the_data_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(NasError, match="exists already"):
        begin(tmp_path, tmp_path / "nowhere")
    assert sorted(os.listdir(tmp_path)) == ["mine.txt"]


def test_two_searches_given_one_empty_folder(
    finished: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copy_of(finished, tmp_path)
    before = (run / "settings.yaml").read_bytes()
    monkeypatch.setattr("nas.search.run.new_run_folder", lambda out, name: run)
    monkeypatch.setattr("nas.search.run.refuse_taken", _second_time())
    with pytest.raises(NasError, match="exists already"):
        begin(run, pictures, trials=1)
    assert (run / "settings.yaml").read_bytes() == before


def _second_time() -> Any:
    """`refuse_taken` that saw an empty folder at its first call."""
    from nas.runs.folder import refuse_taken

    calls: list[Path] = []

    def refuse(out: Path) -> None:
        calls.append(out)
        if len(calls) > 1:
            refuse_taken(out)

    return refuse


def test_full_disk(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append, calls = KilledWritersFile.append_logs, []

    def full(file: KilledWritersFile, logs: Any) -> None:
        calls.append(1)
        if len(calls) > 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(file, logs)

    monkeypatch.setattr(KilledWritersFile, "append_logs", full)
    with pytest.raises(NasError, match="No space left on device"):
        begin(tmp_path / "run", pictures, trials=9)
    monkeypatch.undo()


def test_read_only_folder(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "run/x"))

    monkeypatch.setattr("nas.search.run.atomic_write_text", refused)
    with pytest.raises(NasError, match=r"run/x.*Permission denied"):
        begin(tmp_path / "run", pictures)


def test_own_spaces_need_no_torchvision(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("torchvision", "timm")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    begin(tmp_path / "run", pictures, trials=1)


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    odd = SearchSettings(
        data="/data/é 12e5 #x",
        command="nas search --data 'a: b'",
        score="1e3",
        environment={"commit": "12345678e901", "torch": "2.0", "python": "no", "cores": "0x1"},
    )
    write_settings(tmp_path, odd)
    assert read_settings(tmp_path) == odd


def test_unreadable_training_files_are_said_and_logged(tmp_path: Path, pictures: Path) -> None:
    data = Path(shutil.copytree(pictures, tmp_path / "data"))
    (data / "train" / "class0" / "broken.png").write_bytes(b"\x89PNG no")
    said = begin(tmp_path / "run", data, trials=1)
    assert [line for line in said if line.startswith("1 files can't be read")]
    assert "broken.png" in (tmp_path / "run" / "log.txt").read_text()
