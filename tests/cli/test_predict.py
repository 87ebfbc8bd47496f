"""`nas predict`: the inputs that evaluation sees, files named one by one, both forms of output."""

import csv
import io
import json
from pathlib import Path

import pytest
import torch

import nas
from nas.cli.predict import predict
from nas.data.dataset import DataRequest
from nas.errors import NasError
from nas.report.predictions import prediction_files
from nas.spec.architecture import load_architecture
from nas.tasks.registry import task_named
from nas.train.trained import load_trained
from nas.train.weights import folded_copy
from tests.cli.conftest import invoke

CPU = torch.device("cpu")


def test_predictions_are_those_of_evaluation(run: Path, photos: Path) -> None:
    architecture = load_architecture(run / "architecture.yaml")
    task = task_named("image")
    data = task.load_data(
        DataRequest(photos, architecture.input, architecture.preprocess, splits=("test",))
    )
    network = folded_copy(load_trained(run, CPU).network)
    with torch.inference_mode():
        batches = task.evaluation_batches(data, "test", CPU)
        expected_NK = torch.cat([network(x).softmax(dim=1) for x, _ in batches])
    files = [photos / path for path in data.split("test").paths]
    rows = json.loads(invoke(predict, run, *files).output)
    assert [row["file"] for row in rows] == [str(file) for file in files]
    got_NK = torch.tensor([list(row["probabilities"].values()) for row in rows])
    torch.testing.assert_close(got_NK, expected_NK, rtol=1e-5, atol=1e-6)
    names = [architecture.classes[k] for k in expected_NK.argmax(dim=1)]
    assert [row["class"] for row in rows] == names
    assert all(row["probability"] == max(row["probabilities"].values()) for row in rows)


def test_folders_are_searched(run: Path, photos: Path) -> None:
    rows = json.loads(invoke(predict, run, photos / "test").output)
    assert len(rows) == 21
    assert sum(row["class"] == Path(row["file"]).parent.name for row in rows) > 15


def test_unreadable_files_are_named_and_the_rest_predicted(
    run: Path, photos: Path, tmp_path: Path
) -> None:
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(b"no picture")
    good = photos / "test" / "red" / "00.jpg"
    out = tmp_path / "out.json"
    result = invoke(predict, run, broken, good, missing, "--out", out)
    assert result.exit_code == 1
    assert "2 of 3 files have no prediction" in result.output
    rows = json.loads(out.read_text())
    assert [("error" in row, "class" in row) for row in rows] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_csv_has_a_column_a_class(run: Path, photos: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    good = photos / "test" / "red" / "00.jpg"
    result = invoke(predict, run, broken, good, "--format", "csv", "--out", tmp_path / "out.csv")
    assert result.exit_code == 1
    first, second = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert list(first) == [
        "file", "class", "probability", "probabilities:blue", "probabilities:green",
        "probabilities:red", "error",
    ]  # fmt: skip
    assert first["class"] == ""
    assert first["error"]
    assert second["error"] == ""
    assert float(second["probability"]) == float(second[f"probabilities:{second['class']}"])


def test_mistakes_are_named(run: Path, tmp_path: Path) -> None:
    for arguments, complaint in (
        ((tmp_path / "no", "x.jpg"), "no such folder"),
        ((run, tmp_path), "nothing in this folder"),
    ):
        result = invoke(predict, *arguments)
        assert isinstance(result.exception, NasError)
        assert complaint in str(result.exception)


@pytest.mark.parametrize("count", [1, 65])
def test_batches_do_not_change_what_is_predicted(run: Path, photos: Path, count: int) -> None:
    file = photos / "test" / "blue" / "00.jpg"
    rows = json.loads(invoke(predict, run, *[file] * count).output)
    assert len(rows) == count
    assert all(abs(row["probability"] - rows[0]["probability"]) < 1e-5 for row in rows)


def test_from_python_as_from_the_command(run: Path, photos: Path) -> None:
    files = sorted(str(path) for path in (photos / "test").rglob("*.jpg"))
    told = json.loads(invoke(predict, run, *files, "--format", "json").output)
    here = [prediction.values["class"] for prediction in nas.load_trained(run).predict(files)]
    assert here == [item["class"] for item in told]


def test_pictures_have_no_tables(run: Path, photos: Path) -> None:
    result = invoke(predict, run, photos / "test", "--table", "events")
    assert isinstance(result.exception, NasError)
    assert "this task has none" in str(result.exception)


def test_a_folder_is_refused_as_the_output_before_anything_is_predicted(
    run: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.train.trained.TrainedNetwork.predict", None)
    result = invoke(predict, run, photos / "test", "--out", tmp_path)
    assert result.exit_code == 2
    assert "'--out'" in result.output
    assert "is a directory" in result.output


def test_a_device_has_no_tables_beside_it() -> None:
    assert prediction_files(Path("/dev/null"), ["events"]) == {"": Path("/dev/null")}


def test_a_device_as_the_output_stays_one(run: Path, photos: Path) -> None:
    result = invoke(predict, run, photos / "test" / "red" / "00.jpg", "--out", "/dev/null")
    assert result.exit_code == 0, result.output
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("out", "beside"),
    [
        ("x.csv", "x.events.csv"),
        ("x", "x.events.csv"),
        ("a.b.txt", "a.b.txt.events.csv"),
        ("a.b.csv", "a.b.events.csv"),
    ],
)
def test_tables_beside_the_main_one_have_names_of_tables(
    tmp_path: Path, out: str, beside: str
) -> None:
    main = tmp_path / out
    assert list(prediction_files(main, ["events"]).items()) == [
        ("events", tmp_path / beside), ("", main),
    ]  # fmt: skip
    (tmp_path / beside).mkdir()
    with pytest.raises(NasError, match="is a folder"):
        prediction_files(main, ["events"])
