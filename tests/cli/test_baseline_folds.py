"""Several folds of a baseline: which are given, which are left, whose settings they are."""

from pathlib import Path
from typing import Literal

import pytest

from baselines.covid.folds import begun_folds, finish_run, resumed_folds
from baselines.covid.settings import XrayBaselineSettings, parse_folds
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.runs.folder import refuse_taken
from nas.spec.architecture import load_architecture
from nas.spec.definition import InputSpec
from nas.spec.provenance import Provenance
from nas.spec.training import TrainingSpec
from nas.train.plan import RunPlan


class Mine(XrayBaselineSettings):
    baseline: Literal["mine"] = "mine"
    size: int


class Theirs(XrayBaselineSettings):
    baseline: Literal["theirs"] = "theirs"


def mine(size: int) -> Mine:
    return Mine(
        size=size,
        input=InputSpec(height=8, width=8),
        preprocess=XrayPreprocess(),
        provenance=Provenance(),
        training=TrainingSpec(),
        data=None,
        groups=None,
        strict=False,
        pretrained=False,
        threads=1,
    )


def test_folds_keep_their_order() -> None:
    assert parse_folds("3, 0,4", 5) == (3, 0, 4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,5", "there is no fold 5; allowed: 0 to 4"),
        ("0,1,0", "fold 0 is given twice"),
        ("2", "names one fold"),
        ("0,,1", "no list of folds"),
        ("0,-1", "no list of folds"),
        ("", "no list of folds"),
    ],
)
def test_other_folds_are_refused(text: str, says: str) -> None:
    with pytest.raises(NasError, match=says):
        parse_folds(text, 5)


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    with (
        begun_folds(tmp_path / "out", "name", mine(size=3)) as out,
        pytest.raises(NasError, match="another process works"),
        resumed_folds(out, Mine),
    ):
        pass
    with resumed_folds(out, Mine) as settings:
        assert settings == mine(size=3)
    with pytest.raises(NasError, match="exists already"), begun_folds(out, "name", mine(size=4)):
        pass


def test_settings_of_another_command_are_refused(tmp_path: Path) -> None:
    with begun_folds(tmp_path / "out", "name", mine(size=3)) as out:
        pass
    with (
        pytest.raises(NasError, match=r"yaml:1 baseline: these are folds of 'mine', not of 'thei"),
        resumed_folds(out, Theirs),
    ):
        pass


def test_a_single_run_is_no_folds(tmp_path: Path) -> None:
    (tmp_path / "architecture.yaml").touch()
    with (
        pytest.raises(NasError, match="a single run goes on with `nas train --resume"),
        resumed_folds(tmp_path, Mine),
    ):
        pass


@pytest.fixture
def plan(tmp_path: Path, architecture_file: Path) -> RunPlan:
    architecture = load_architecture(architecture_file).with_classes(("a", "b"))
    return RunPlan(tmp_path / "fold-0", architecture, TrainingSpec(), source=None)


def test_a_run_is_begun_gone_on_with_or_kept(plan: RunPlan) -> None:
    carried: list[RunPlan] = []
    for name in (None, "checkpoint.pt", "metrics.json"):
        if name is not None:
            (plan.folder / name).write_text("{}")
        run = finish_run(plan.folder, lambda folder: plan, carried.append)
        assert run == plan.folder
        plan.write(plan.architecture)
    assert [plan.resumed for plan in carried] == [False, True]


def test_what_a_killed_start_left_is_removed(plan: RunPlan) -> None:
    """The architecture is written before the training settings: alone it is no run to go on."""
    plan.write(plan.architecture)
    (plan.folder / "training.yaml").rename(plan.folder / ".training.yaml.x1")
    carried: list[RunPlan] = []

    def carry_out(plan: RunPlan) -> None:
        refuse_taken(plan.folder)
        carried.append(plan)

    finish_run(plan.folder, lambda folder: plan, carry_out)
    assert carried == [plan]
