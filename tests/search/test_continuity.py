"""A search goes on only with its own trials, space and data."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.search.journal import open_study
from nas.search.run import resume_search
from nas.search.settings import SearchSettings

from .conftest import copy_of, trials_of

pytestmark = pytest.mark.usefixtures("workers_here")


def refused(run: Path, words: str) -> NasError:
    """The error of a resumption, which leaves every file as it was."""
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(NasError, match=words) as caught:
        resume_search(run, say=lambda text: None)
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    logs = {run / "log.txt", run / ".lock", run / ".workers", run / "settings.yaml"}
    assert {path: data for path, data in after.items() if path not in logs} == {
        path: data for path, data in before.items() if path not in logs
    }
    return caught.value


def lines_of(journal: Path) -> list[str]:
    return journal.read_text().splitlines(keepends=True)


def emptied(journal: Path) -> None:
    journal.write_text("")


def without_end(journal: Path) -> None:
    """As it was when the last trial was in training."""
    lines = lines_of(journal)
    last = max(index for index, line in enumerate(lines) if '"values"' in line)
    journal.write_text("".join(lines[:last]))


def only_first(journal: Path) -> None:
    lines = lines_of(journal)
    journal.write_text("".join(lines[: next(i for i, x in enumerate(lines) if '"values"' in x)]))


def without_a_beginning(journal: Path) -> None:
    """Later lines then tell of one trial what is another's."""
    lines = lines_of(journal)
    index = next(i for i, line in enumerate(lines) if json.loads(line)["op_code"] == 4)
    journal.write_text("".join(lines[:index] + lines[index + 1 :]))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (emptied, "study.log is gone or empty"),
        (without_end, "study.log lost what trials.csv tells of, 1 of 4 rows: trial 3 is trained"),
        (only_first, "study.log lost what trials.csv tells of, 4 of 4 rows: trial 0 is trained"),
        (without_a_beginning, "no line before it began|lost what trials.csv tells of"),
    ],
)
def test_a_journal_that_lost_lines_is_refused(
    finished: Path, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    run = copy_of(finished, tmp_path)
    damage(run / "study.log")
    refused(run, words)


def test_who_removes_the_table_goes_on_with_what_is_left(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    only_first(run / "study.log")
    for name in ("trials.csv", "finalists.csv", "finalists.log"):
        (run / name).unlink()
    resume_search(run, say=lambda text: None)
    assert sum(item.state == "trained" for item in trials_of(run)) == 4


@pytest.mark.parametrize("gone", [True, False])
def test_a_journal_of_finalists_that_lost_lines_is_refused(
    finished: Path, tmp_path: Path, gone: bool
) -> None:
    run = copy_of(finished, tmp_path)
    if gone:
        (run / "finalists.log").unlink()
    else:
        only_first(run / "finalists.log")
    refused(run, "journal of finalists lost what finalists.csv tells of")


@pytest.mark.parametrize("text", ["number;state\n0;trained\n", "number,state\nx,trained\n", "\0\n"])
def test_a_foreign_table_is_not_overwritten(finished: Path, tmp_path: Path, text: str) -> None:
    run = copy_of(finished, tmp_path)
    (run / "trials.csv").write_text(text)
    error = refused(run, "not the table that the search wrote")
    assert error.file == str(run / "trials.csv")


def edit(run: Path, old: str, new: str) -> None:
    text = (run / "space.yaml").read_text()
    assert old in text
    (run / "space.yaml").write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("out: [4, 8, 12, 16]", "out: [2, 4, 8, 12, 16]", "layers[1].out", r"now \[2, 4, 8"),
        ("high: 64", "high: 128", "layers[0].out.high", "64 when the search began, now 128"),
        ("height: 8", "height: 16", "input.height", "8 when the search began, now 16"),
        ("  - {name: gap", "  - {block: Conv, out: 8}\n  - {name: gap", "layers[2].name", "gap"),
    ],
)
def test_an_edited_space_is_refused(
    finished: Path, tmp_path: Path, old: str, new: str, key: str, words: str
) -> None:
    run = copy_of(finished, tmp_path)
    edit(run, old, new)
    error = refused(run, words)
    assert error.file == str(run / "space.yaml")
    assert error.key == key
    assert error.line is not None


@pytest.mark.parametrize(
    ("old", "new"), [("kernel: [1, 3]", "kernel: [3, 1, 5]"), ("stride: 2", "stride: 1")]
)
def test_so_is_that_of_a_search_that_did_not_write_its_space_down(
    finished: Path, tmp_path: Path, old: str, new: str
) -> None:
    run = copy_of(finished, tmp_path)
    lines = [line for line in lines_of(run / "study.log") if '"space":' not in line]
    (run / "study.log").write_text("".join(lines))
    edit(run, old, new)
    refused(run, "another network in this space than it was")


def test_what_says_nothing_of_the_members_may_be_edited(finished: Path, tmp_path: Path) -> None:
    run = copy_of(finished, tmp_path)
    text = (run / "space.yaml").read_text()
    text = text.replace("name: small\n", "# a note\nname: renamed\n").replace(
        "kernel: [1, 3]", "kernel: [1,   3]"
    )
    (run / "space.yaml").write_text(text + "budget: {max_macs: 1G}\n")
    before = trials_of(run)
    resume_search(run, say=lambda text: None, change=six_trials)
    assert trials_of(run)[: len(before)] == before


def six_trials(old: SearchSettings) -> SearchSettings:
    return old.model_copy(update={"search": old.search.model_copy(update={"trials": 6})})


def test_the_study_says_what_its_positions_stand_for(finished: Path) -> None:
    study = open_study(finished / "study.log")
    widths = study.user_attrs["space"]["layers"][1]["out"]
    for trial in study.get_trials():
        text = trial.user_attrs["architecture"]
        assert f"out: {widths[trial.params['body.out.position']]}" in text
