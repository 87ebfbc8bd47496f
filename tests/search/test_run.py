"""Whole searches in this process: what they train on, write, resume and refuse."""

import csv
import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.runs.records import trial_columns
from nas.search import trainer as trainer_module
from nas.search.choice import pareto_front
from nas.search.journal import KilledWritersFile, open_study
from nas.search.run import run_search
from nas.search.settings import SearchSettings, read_settings, write_settings
from nas.search.trials import records_of
from nas.spec.architecture import load_architecture
from nas.spec.space import SpaceSpec, parse_space
from nas.tasks.image.losses import LossSpec
from nas.tasks.image.task import ImageTask

from .conftest import FEW, METRIC, SPACE, begin, copy_of, settings_for, trials_of, write_pictures

pytestmark = pytest.mark.usefixtures("workers_here")


def test_stable_outputs(finished: Path) -> None:
    for name in ("best.yaml", "study.log", "report.html", "settings.yaml", "front.png"):
        assert (finished / name).stat().st_size > 0
    header = (finished / "trials.csv").read_text().splitlines()[0].split(",")
    assert header[:7] == list(trial_columns(METRIC)[:7]) == [
        "number", "state", "macs", "parameters", "macro_f1", "architecture_hash", "seconds"
    ]  # fmt: skip
    records = trials_of(finished)
    assert [item.state for item in records if item.state != "duplicate"] == ["trained"] * 4
    shown = {item.number for item in pareto_front(records)} | finalists_of(finished)
    files = {f"trial-{number:04d}.yaml" for number in shown}
    assert {file.name for file in (finished / "front").iterdir()} == files


def finalists_of(run: Path) -> set[int]:
    with (run / "finalists.csv").open() as stream:
        return {int(row["trial"]) for row in csv.DictReader(stream)}


def test_front_files_rebuild_the_networks(finished: Path) -> None:
    records = {item.number: item for item in trials_of(finished)}
    for file in (finished / "front").iterdir():
        architecture = load_architecture(file)
        record = records[int(file.stem.removeprefix("trial-"))]
        report = count_macs(build_network(architecture), architecture.input.shape)
        assert (report.total, report.parameters) == (record.macs, record.parameters)
        assert architecture.provenance.said()["validation_macro_f1"] == record.metric
        assert architecture.classes == ("class0", "class1", "class2")
        assert architecture.preprocess is not None
        assert architecture.preprocess.mean is not None


def test_space_is_kept_and_settings_come_back(finished: Path, pictures: Path) -> None:
    assert (finished / "space.yaml").read_text() == SPACE
    asked, kept = settings_for(pictures, trials=4), read_settings(finished)
    assert kept == asked.model_copy(update={"training": kept.training})
    left = {"loss": None, "sampler": None, "augment": None}  # which the data and the task choose
    assert kept.training.model_copy(update=left) == asked.training


def test_what_the_data_choose_is_said_and_written_out_for_all_candidates(
    finished: Path, tmp_path: Path, pictures: Path
) -> None:
    training = read_settings(finished).training
    assert (training.loss, training.sampler) == (LossSpec(), "softened")
    assert load_architecture(finished / "best.yaml").provenance.training == training.model_dump(
        mode="json"
    )
    assert "recipe: sampler softened" in (finished / "log.txt").read_text()
    data = write_pictures(tmp_path / "data", 3, train=16)  # a test split is taken from them
    for picture in sorted((data / "train" / "class2").iterdir())[1:]:
        picture.unlink()
    said = begin(tmp_path / "run", data, trials=1)
    assert [line for line in said if line.startswith("recipe: sampler inverse; 1 to ")], said
    assert read_settings(tmp_path / "run").training.sampler == "inverse"


def test_a_run_from_before_recipes_goes_on_without(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("training: {epochs: 4, sampler: softened}\n")
    assert read_settings(tmp_path).training.recipe == "fixed"
    write_settings(tmp_path, SearchSettings())
    assert read_settings(tmp_path).training.recipe == "auto"


def test_same_seed_same_search(finished: Path, tmp_path: Path, pictures: Path) -> None:
    begin(tmp_path / "b", pictures, trials=4)
    before = [(item.architecture_hash, item.metric) for item in trials_of(finished)]
    assert [(item.architecture_hash, item.metric) for item in trials_of(tmp_path / "b")] == before


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

    def spy(task: ImageTask, request: DataRequest, *arguments: Any) -> Any:
        asked.append(request.splits)
        return load(task, request, *arguments)

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
    with pytest.raises(NasError, match=r"found within this budget.* has \d+ MACs, where 10 are"):
        begin(tmp_path / "run", pictures, FEW, max_macs=10)
    assert not (tmp_path / "run").exists()


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


def test_minutes_end_it(tmp_path: Path, pictures: Path, slow_trainings: list[float]) -> None:
    """Three trainings of 10 s; a clock that is set back or forth has no part in it."""
    said = begin(tmp_path / "run", pictures, trials=100_000, minutes=0.5, finalists=0, stop="none")
    assert "time is up" in said[-1]
    assert sum(item.state == "trained" for item in trials_of(tmp_path / "run")) == 3


# Going on


def test_mistake_leaves_no_folder(tmp_path: Path, pictures: Path, space: SpaceSpec) -> None:
    with pytest.raises(NasError, match="nowhere"):
        begin(tmp_path / "run", tmp_path / "nowhere")
    one = write_pictures(tmp_path / "one", 1)
    with pytest.raises(NasError, match="class"):
        begin(tmp_path / "run", one)
    wrong = settings_for(pictures).model_copy(update={"device": "cuda:77"})
    with pytest.raises(NasError, match="cuda:77"):
        run_search(space, wrong, out=tmp_path / "run")
    with pytest.raises(NasError, match="channels"):
        begin(tmp_path / "run", pictures, SPACE.replace("channels: 3", "channels: 5"))
    assert not (tmp_path / "run").exists()


def test_only_known_cost_weighs_seconds(tmp_path: Path, pictures: Path) -> None:
    """Also where no command line asks: the space's file, or a caller's settings."""
    space = parse_space(f"{FEW}search: {{sampler: tpe, per_second: true}}\n")
    with pytest.raises(NasError, match="the sampler tpe can't weigh seconds"):
        run_search(space, SearchSettings.for_space(space, data=pictures), out=tmp_path / "run")
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

    monkeypatch.setattr("nas.search.run.write_together", refused)
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


def test_a_run_from_before_early_stopping_goes_on_without_it(tmp_path: Path) -> None:
    text = "search: {trials: 4, minutes: null, sampler: tpe, seed: 0}\n"
    (tmp_path / "settings.yaml").write_text(text)
    old = read_settings(tmp_path).search
    assert (old.sampler, old.stop, old.finalists, old.short_epochs) == ("tpe", "none", 0, 0)
    write_settings(tmp_path, SearchSettings())
    assert read_settings(tmp_path).search.stop == "dominance"


def test_unreadable_training_files_are_said_and_logged(tmp_path: Path, pictures: Path) -> None:
    data = Path(shutil.copytree(pictures, tmp_path / "data"))
    (data / "train" / "class0" / "broken.png").write_bytes(b"\x89PNG no")
    said = begin(tmp_path / "run", data, trials=1)
    assert [line for line in said if line.startswith("1 files can't be read")]
    assert "broken.png" in (tmp_path / "run" / "log.txt").read_text()
