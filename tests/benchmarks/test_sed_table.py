"""The table of runs: seeds in one row, published figures beside, different data refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.marked_place import END, with_table
from benchmarks.sed_runs import MeasuredRun, read_run
from benchmarks.sed_table import BEGIN, markdown_table, published_beside
from nas.errors import NasError

TEST = {
    "lwlrap": 0.8, "lwlrap_ci95": [0.7, 0.85], "precision_50": 0.9, "recall_50": 0.5,
    "macro_f1": 0.7, "segment_f1": 0.6,
}  # fmt: skip
RUN = MeasuredRun(
    folder=Path("a"),
    name="resnet18",
    members=("timm:resnet18",),
    practices=("30 epochs",),
    width=512,
    data=(("dog",), 0, "d"),
    settings={"epochs": 30, "learning_rate": 1e-3, "data": "birds"},
    test=TEST,
    macs=2_266_103_808,
    parameters=11_178_432,
    seconds_per_epoch=12.0,
    machine="cuda",
    seed=0,
)
COMPACT = replace(
    RUN, folder=Path("c"), name="sed-t7", members=(), macs=20_000_000, seconds_per_epoch=3.0
)


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]


def test_seeds_make_one_row_and_the_dearest_come_first() -> None:
    again = replace(
        RUN,
        folder=Path("b"),
        seed=1,
        test=TEST | {"lwlrap": 0.9, "lwlrap_ci95": [0.8, 0.95]},
        seconds_per_epoch=14.0,
    )
    head, rule, *rows = cells(markdown_table([COMPACT, RUN, again]))
    assert len({len(row) for row in (head, rule, *rows)}) == 1
    assert [row[0] for row in rows] == ["resnet18", "sed-t7"]
    # the deviation of 0.8 and 0.9 with n - 1 is 0.1 / sqrt(2)
    assert rows[0][1:4] == ["30 epochs; 2 seeds", "0.8500 ± 0.0707", "0.750 to 0.900"]
    assert rows[0][4] == "0.9000 ± 0.0000"
    assert rows[1][2:4] == ["0.8000", "0.700 to 0.850"]
    assert rows[0][9:12] == ["2.27 G", "11.2 M", "13 (cuda)"]
    assert rows[0][8] == "-"  # onset F1 was not measured
    assert rows[0][12:] == ["best practice *", "0.9693", "0.959", "0.7336", "0.936"]
    assert rows[1][12:] == ["-"] * 5


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", 3e-3), ("data", "bats"), ("train_labels", "in part")]
)
def test_only_the_seed_may_differ_within_a_row(name: str, value: object) -> None:
    other = replace(
        RUN, folder=Path("b"), seed=1, settings={**RUN.settings, name: value}, test=TEST
    )
    rows = cells(markdown_table([RUN, other]))[2:]
    assert len(rows) == 2
    assert {row[1] for row in rows} == {
        ", ".join(["30 epochs", *([f"{name} {had}"] if had else [])])
        for had in (RUN.settings.get(name), value)
    }


def test_what_comes_twice_is_refused() -> None:
    with pytest.raises(NasError, match=r"^a: is given twice$"):
        markdown_table([RUN, replace(RUN, seed=1)])
    with pytest.raises(NasError, match=r"^b: repeats the seed 0 of a$"):
        markdown_table([RUN, replace(RUN, folder=Path("b"))])


@pytest.mark.parametrize(
    ("change", "lwlrap"),
    [
        ({}, 0.9693),
        ({"width": 256}, 0.9457),
        ({"practices": ("30 epochs", "CBAM")}, 0.9657),
        ({"members": ("timm:efficientnet_b0@blocks",)}, 0.8897),
        ({"members": ("timm:mobilenetv2_100",)}, None),
        ({"members": ("timm:resnest50d",), "width": 256}, None),
    ],
)
def test_the_published_run_of_the_same_setting_stands_beside(
    change: dict[str, object], lwlrap: float | None
) -> None:
    published = published_beside(replace(RUN, **change))
    assert (published and published.lwlrap) == lwlrap


def test_the_ensemble_of_the_starred_has_their_leaderboard_beside_it() -> None:
    models = ("resnet18", "resnest50d", "densenet121", "efficientnet_b0@blocks")
    members = tuple(f"timm:{model}" for model in models)
    mean = replace(RUN, members=members, seed=None, seconds_per_epoch=None)
    assert cells(markdown_table([mean]))[2][11:] == [
        "-", "mean of the starred", "-", "-", "-", "0.941",
    ]  # fmt: skip
    fewer = replace(mean, members=members[:3])
    assert cells(markdown_table([fewer]))[2][11:] == ["-"] * 6


def test_runs_on_other_splits_are_refused() -> None:
    other = replace(COMPACT, folder=Path("b"), data=(("dog",), 1, "d"))
    with pytest.raises(NasError, match=r"^b: has other data, classes or splits than a$"):
        markdown_table([RUN, other])


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert with_table(file, BEGIN, "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    file.write_text("no marks")
    with pytest.raises(NasError, match="has no place for the table"):
        with_table(file, BEGIN, "new\n")


def test_what_is_no_finished_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"no metrics\.json in it"):
        read_run(tmp_path)
    (tmp_path / "metrics.json").write_text('{"task": "image"}')
    with pytest.raises(NasError, match="of the task 'image', not of sed"):
        read_run(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(NasError, match="can't be read"):
        read_run(tmp_path)


def test_the_readme_has_the_place() -> None:
    assert with_table(Path(__file__).parents[2] / "baselines" / "README.md", BEGIN, "")
