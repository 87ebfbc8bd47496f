"""`nas covid submit` and `nas covid check`, on a few generated radiographs."""

import shutil
from pathlib import Path

import pytest
from click.testing import Result

from baselines.covid.submission import refuse_transposed
from nas.cli.covid import covid
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.tasks.covid.findings import listed_for_submission
from nas.tasks.covid.submission import Submission, read_submission
from nas.tasks.covid.task import NOT_FOR_DIAGNOSIS
from nas.tasks.covid.tta import TtaSettings
from nas.train.trained import load_trained

from .conftest import LUNGS, invoke, train_on_xrays

FAST = ("--device", "cpu", "--threads", 1)
CLASSES = ["negative", "typical", "indeterminate", "atypical", "none", "opacity"]


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory,
    xrays: Path,
    study_run: Path,
    opacity_run: Path,
    detection_run: Path,
) -> Path:
    """The submission of all three runs for all X-rays of the labelled data set."""
    out = tmp_path_factory.mktemp("submissions") / "submission.csv"
    runs = ("--study", study_run, "--opacity", opacity_run, "--detection", detection_run)
    result = invoke(covid, "submit", xrays, *runs, "--out", out, *FAST)
    assert result.exception is None, result.output
    assert result.stdout == f"34 studies and 37 images written to {out}\n"
    warning, note = result.stderr.splitlines()
    assert warning.startswith("WARNING: the runs were trained on some of these images")
    assert note == f"Note: {NOT_FOR_DIAGNOSIS}"
    return out


def submit(data: Path, out: Path, *flags: object) -> Result:
    return invoke(covid, "submit", data, "--out", out, *flags, *FAST)


def submission_of(data: Path, out: Path, *flags: object) -> Submission:
    result = submit(data, out, *flags)
    assert result.exception is None, result.output
    return read_submission(out)


def test_there_is_a_row_of_each_study_and_image(written: Path, xrays: Path) -> None:
    found, images = read_submission(written), listed_for_submission(xrays, None, 0)
    assert set(found.studies) == {item.study_id for item in images}
    assert set(found.images) == {item.id for item in images}
    for findings in found.studies.values():
        assert {item.class_name for item in findings} == set(CLASSES[:4])
        assert sum(item.confidence for item in findings) == pytest.approx(1, abs=1e-4)
    for findings in found.images.values():
        assert findings[-1].class_name == "none"


def test_a_submission_passes_its_check(written: Path) -> None:
    result = invoke(covid, "check", written)
    assert result.exception is None, result.output
    assert result.output == "34 studies and 37 images, all well formed\n"


def test_against_labels_the_six_precisions_and_their_mean_are_told(
    written: Path, xrays: Path
) -> None:
    result = invoke(covid, "check", written, "--data", xrays)
    assert result.exception is None, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["class", "AP@0.5"]
    told = dict(line.split() for line in lines[1:7])
    assert list(told) == CLASSES
    name, mean = lines[-1].split()
    assert name == "mAP@0.5"
    assert float(mean) == pytest.approx(sum(map(float, told.values())) / 6, abs=1e-4)


def test_the_truth_itself_has_a_precision_of_one(xrays: Path, tmp_path: Path) -> None:
    images = listed_for_submission(xrays, None, 0)
    rows = ["Id,PredictionString"]
    rows += dict.fromkeys(f"{item.study_id}_study,{item.study_class} 1 0 0 1 1" for item in images)
    for item in images:
        boxes = [" ".join(map(str, ("opacity", 1, *box))) for box in item.boxes]
        rows.append(f"{item.id}_image,{' '.join(boxes) or 'none 1 0 0 1 1'}")
    file = tmp_path / "truth.csv"
    file.write_text("\n".join(rows) + "\n")
    lines = invoke(covid, "check", file, "--data", xrays).output.splitlines()
    assert [line.split()[-1] for line in (*lines[1:7], lines[-1])] == ["1.0000"] * 7


def test_a_split_alone_is_submitted_and_checked(
    xrays: Path, study_run: Path, tmp_path: Path
) -> None:
    out, part = tmp_path / "part.csv", ("--split", "test")
    found = submission_of(xrays, out, "--study", study_run, *part)
    expected = listed_for_submission(xrays, "test", 0)
    assert set(found.images) == {item.id for item in expected}
    assert not any(found.images.values()), "no run tells of images"
    assert invoke(covid, "check", out, "--data", xrays, *part).exception is None
    other = invoke(covid, "check", out, "--data", xrays, "--split", "test", "--fold", 3)
    assert isinstance(other.exception, NasError)


def test_the_test_split_is_that_of_the_runs(xrays: Path, study_run: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "fold-2", tmp_path / "part.csv"
    assert train_on_xrays(LUNGS, xrays, run, "--fold", 2).exception is None
    found = submission_of(xrays, out, "--study", run, "--split", "test")
    assert set(found.images) == {item.id for item in listed_for_submission(xrays, "test", 2)}
    for flags, said in (
        (("--study", run, "--fold", 0), "with fold 2 as their test split"),
        (("--study", run, "--opacity", _opacity_like(study_run, tmp_path)), "on other splits"),
    ):
        refused = submit(xrays, out, *flags, "--split", "test").exception
        assert isinstance(refused, NasError)
        assert said in str(refused)


def _opacity_like(run: Path, folder: Path) -> Path:
    """A run that says that it is of opacities, on the splits of `run`."""
    shutil.copytree(run, folder / "opacity")
    file = folder / "opacity" / "architecture.yaml"
    text = file.read_text().replace("labels: study", "labels: opacity")
    file.write_text(text)
    return folder / "opacity"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--study", "RUN", "--tta", 8), "--tta: has no use without --detection"),
        (("--detection", "RUN", "--drop-none", 0.5), "--drop-none: has no use without --opacity"),
        (("--study", "RUN", "--fold", 0), "--fold: has no use without --split"),
        (("--study", "RUN", "--split", "test", "--fold", 5), "--fold: the covid-study task has no"),
    ],
)
def test_flags_without_a_use_are_refused(
    xrays: Path, study_run: Path, tmp_path: Path, flags: tuple[object, ...], said: str
) -> None:
    flags = tuple(study_run if flag == "RUN" else flag for flag in flags)
    refused = submit(xrays, tmp_path / "x.csv", *flags).exception
    assert isinstance(refused, NasError)
    assert said in str(refused)


def test_what_is_no_finite_number_is_refused(
    xrays: Path, detection_run: Path, tmp_path: Path
) -> None:
    for flags in (("--none-exponent", "nan"), ("--none-exponent", "1e400"), ("--max-iou", "nan")):
        result = submit(xrays, tmp_path / "x.csv", "--detection", detection_run, *flags)
        assert result.exit_code == 2
        assert "not a finite number" in result.output or "not in the range" in result.output


def test_a_folder_without_tables_is_submitted_whole(
    xrays: Path, opacity_run: Path, tmp_path: Path
) -> None:
    found = submission_of(xrays / "train", tmp_path / "x.csv", "--opacity", opacity_run)
    images = listed_for_submission(xrays, None, 0)
    assert set(found.images) == {item.id for item in images}
    assert set(found.studies) == {item.study_id for item in images}
    assert not any(found.studies.values()), "no run tells of studies"
    trained = load_trained(opacity_run)
    predicted = {Path(item.file).stem: item for item in trained.predict([images[0].path])}
    (none,) = found.images[images[0].id]
    expected = predicted[images[0].id].values["probabilities"]["none"]
    assert none.confidence == pytest.approx(expected, abs=1e-5)


def test_where_none_is_likely_boxes_count_less_or_are_dropped(
    xrays: Path, opacity_run: Path, detection_run: Path, tmp_path: Path
) -> None:
    detector = ("--detection", detection_run, "--split", "test")
    alone = submission_of(xrays, tmp_path / "alone.csv", *detector)
    assert all(len(findings) > 1 for findings in alone.images.values())
    both = (*detector, "--opacity", opacity_run)
    full = submission_of(xrays, tmp_path / "full.csv", *both, "--none-exponent", 1)
    for key, findings in alone.images.items():
        *boxes, _ = findings
        *weighed, none = full.images[key]
        for one, other in zip(boxes, weighed, strict=True):
            assert other.box == one.box
            weight = 1 - none.confidence
            assert other.confidence == pytest.approx(one.confidence * weight, rel=1e-4)
    dropped = submission_of(xrays, tmp_path / "dropped.csv", *both, "--drop-none", 0)
    assert all(len(findings) == 1 for findings in dropped.images.values())


def test_symmetries_and_fusion_change_the_boxes(
    xrays: Path, detection_run: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ensemble_boxes")
    few = ("--detection", detection_run, "--split", "test")
    ways = (("--tta", 1), ("--tta", 8), ("--tta", 2, "--fusion"), ("--max-iou", 0.1))
    found = [submission_of(xrays, tmp_path / "x.csv", *few, *way).images for way in ways]
    assert all(one != other for n, one in enumerate(found) for other in found[n + 1 :])
    # Boxes that overlap by less than before are dropped too.
    assert sum(map(len, found[3].values())) < sum(map(len, found[0].values()))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Id,PredictionString", "Id,Prediction", ":1: the header is 'Id,Prediction'; allowed: Id,"),
        ("negative 0", "negativ 0", ":2 {id}: no study class 'negativ'; did you mean 'negative'?"),
        ("negative 0", "negative 1", ":2 {id}: confidence 1"),
        ("negative 0", "negative zero", ":2 {id}: confidence 'zero"),
        (" 0 0 1 1", " 0 0 1", ":2 {id}: 23 words are no groups of six"),
        (" 0 0 1 1", " 0 0 2 1", ":2 {id}: box 0 0 2 1 of 'negative'; allowed: 0 0 1 1"),
        ("_study,", "_studies,", ":2 {id}: '{key}_studies' is no Id; allowed: ID_study, ID_image"),
        (",negative", ",,negative", ":2 {id}: 3 cells in this row; allowed: 2"),
        ("negative 0", "negative 0_", ":2 {id}: confidence '0_"),
    ],
)
def test_a_broken_line_is_named(
    written: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = written.read_text()
    row_id = text.splitlines()[1].split(",")[0]
    assert old in text
    file = tmp_path / "broken.csv"
    file.write_text(text.replace(old, new, 1))
    shown = row_id.replace(old[:-1], new[:-1]) if old.endswith("_study,") else row_id
    expected = said.format(id=shown, key=row_id.removesuffix("_study"))
    refused = invoke(covid, "check", file).exception
    assert isinstance(refused, NasError)
    assert str(refused).startswith(f"{file}{expected}"), str(refused)


def test_rows_that_are_missing_twice_or_of_strangers_are_named(
    written: Path, xrays: Path, tmp_path: Path
) -> None:
    header, first, *rows = written.read_text().splitlines()
    row_id = first.split(",")[0]
    key = row_id.removesuffix("_study")
    file = tmp_path / "broken.csv"
    for lines, said in (
        ([header, *rows], f"{file}: no row of {row_id}; each study must have one"),
        ([header, first, first, *rows], f"{file}:3 {row_id}: this Id is there twice"),
        ([header, first, "x_study,", *rows], f"{file}:3 x_study: no study 'x'"),
    ):
        file.write_text("\n".join(lines) + "\n")
        refused = invoke(covid, "check", file, "--data", xrays).exception
        assert isinstance(refused, NasError), key
        assert str(refused).startswith(said), str(refused)


def test_runs_that_say_something_else_are_refused(
    xrays: Path, study_run: Path, opacity_run: Path, detection_run: Path, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x.csv"
    for flag, given, said in (
        ("--study", opacity_run, "is of the task covid-study, labels opacity; needed is"),
        ("--opacity", study_run, "is of the task covid-study, labels study; needed is"),
        ("--detection", study_run, "needed is covid-detection with the labels boxes"),
        ("--study", detection_run, "is of the task covid-detection, labels boxes; needed is"),
        ("--study", run, "is of the task image, labels None; needed is covid-study"),
    ):
        refused = submit(xrays, out, flag, given).exception
        assert isinstance(refused, NasError)
        assert str(refused).startswith(f"{given} {flag}: "), str(refused)
        assert said in str(refused)
    refused = submit(xrays, out).exception
    assert str(refused) == "give at least one run, with --study, --opacity, --detection"
    assert not out.exists()


def test_data_without_tables_have_no_splits_and_labels(
    written: Path, xrays: Path, study_run: Path, tmp_path: Path
) -> None:
    flags = ("--study", study_run)
    for result, said in (
        (submit(tmp_path / "nowhere", tmp_path / "x.csv", *flags), "no such folder"),
        (
            submit(xrays / "train", tmp_path / "x.csv", *flags, "--split", "test"),
            "--split: has no tables, so it has no splits",
        ),
        (invoke(covid, "check", written, "--split", "test"), "--split: has no use without --data"),
    ):
        assert isinstance(result.exception, NasError)
        assert said in str(result.exception)
    assert submit(xrays, tmp_path, *flags).exit_code == 2  # a folder in place of a file


def test_an_unreadable_file_is_named_and_has_an_empty_row(
    xrays: Path, study_run: Path, detection_run: Path, tmp_path: Path
) -> None:
    some = sorted((xrays / "train").iterdir())[:3]
    for study in some:
        shutil.copytree(study, tmp_path / "data" / study.name)
    (broken, *_) = sorted((tmp_path / "data" / some[0].name).rglob("*.dcm"))
    broken.write_bytes(broken.read_bytes()[:200])
    out = tmp_path / "x.csv"
    result = submit(tmp_path / "data", out, "--study", study_run, "--detection", detection_run)
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"Error: {broken}: ")
    found = read_submission(out)
    assert found.images[broken.stem] == ()
    others = [findings for key, findings in found.images.items() if key != broken.stem]
    assert others
    assert all(others)


@pytest.mark.parametrize(
    ("height", "tta", "refused"), [(128, 5, True), (128, 4, False), (256, 8, False)]
)
def test_symmetries_that_exchange_the_sides_need_a_network_that_can(
    height: int, tta: int, refused: bool
) -> None:
    size = InputSpec(channels=3, height=height, width=256)
    whole = ArchitectureSpec(
        name="d0", task="covid-detection", input=size, head="none",
        model="baselines.covid.effdet:efficientdet_d0",
    )  # fmt: skip
    if not refused:
        refuse_transposed(whole, TtaSettings(tta))
        return
    with pytest.raises(NasError, match="takes an input of 128x256 alone; allowed: 1 to 4"):
        refuse_transposed(whole, TtaSettings(tta))
