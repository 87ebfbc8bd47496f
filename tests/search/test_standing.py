"""The front and the best network of a search that goes on."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import nas.search.trainer as trainer_module
import nas.search.watch as watch_module
from nas.search.journal import open_study
from nas.search.trials import records_of
from nas.spec.architecture import load_architecture

from .conftest import begin

pytestmark = pytest.mark.usefixtures("workers_here")


def seen_before_each_training(
    run: Path, data: Path, patch: pytest.MonkeyPatch, **search: Any
) -> list[tuple[bool, set[str], set[str]]]:
    """Whether `best.yaml` is there, names in `front/`, and names of what was trained."""
    fit, seen = trainer_module.fit, []

    def looking(*arguments: Any, **options: Any) -> Any:
        records = records_of(open_study(run / "study.log"))
        done = {f"trial-{item.number:04d}.yaml" for item in records if item.state == "trained"}
        front = {path.name for path in (run / "front").glob("*")}
        seen.append(((run / "best.yaml").exists(), front, done))
        return fit(*arguments, **options)

    patch.setattr(trainer_module, "fit", looking)
    begin(run, data, trials=5, **search)
    return seen


def test_both_are_there_from_the_second_network_on(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "STANDING_SHARE", 1e9)  # no waiting
    seen = seen_before_each_training(tmp_path / "run", pictures, monkeypatch, finalists=0)
    assert [best for best, _, _ in seen] == [False, False, True, True, True]
    for best, front, done in seen:
        assert bool(front) == best
        assert front <= done
    assert not (tmp_path / "run" / "best.yaml").read_text().startswith("#")


def test_the_standing_is_said_to_be_preliminary(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, texts = tmp_path / "run", []
    write = watch_module.write_standing

    def writing(*arguments: Any) -> None:
        write(*arguments)
        texts.append((run / "best.yaml").read_text())
        assert load_architecture(run / "best.yaml").name

    monkeypatch.setattr(watch_module, "STANDING_SHARE", 1e9)
    monkeypatch.setattr(watch_module, "write_standing", writing)
    begin(run, pictures, trials=4, finalists=0)
    firsts = [text.splitlines()[0] for text in texts]
    assert firsts == [
        f"# Preliminary choice: {count} of 4 networks were trained when it was made."
        for count in (2, 3, 4)
    ]


@pytest.mark.slow
def test_writing_takes_a_small_share_of_the_time(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes 1 s of a clock that otherwise moves by 3 s a look comes every 20 s."""
    now, written = [0.0], []

    class Clock:
        @staticmethod
        def time() -> float:
            return 0.0

        @staticmethod
        def monotonic() -> float:
            now[0] += 3.0
            return now[0]

    def writing(*arguments: Any) -> None:
        written.append(now[0])

    monkeypatch.setattr(watch_module, "time", Clock)
    monkeypatch.setattr(watch_module, "write_standing", writing)
    begin(tmp_path / "run", pictures, trials=30, finalists=0)
    gaps = [after - before for before, after in pairwise(written)]
    assert gaps
    assert min(gaps) >= 3.0 / watch_module.STANDING_SHARE
