"""A search whose networks begin with the weights of finished ones (`--inherit`)."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nas.search import trainer as trainer_module
from nas.search.journal import open_study
from nas.search.run import resume_search, run_search
from nas.search.settings import SearchSettings
from nas.spec.space import parse_space

from .conftest import settings_for, trials_of

pytestmark = pytest.mark.usefixtures("workers_here")

SPACE = """
name: stemmed
input: {channels: 3, height: 8, width: 8}
classes: 3
layers:
  - {name: stem, block: Conv, out: 4, stride: 2}
  - {name: body, block: Conv, out: [4, 8, 12, 16], kernel: [1, 3]}
  - {name: gap, block: GlobalAvgPool}
"""
"""Eight networks with the same stem, and bodies of which the smaller are parts of the larger."""


def taken(own: Path, donor: Path) -> int:
    """Blocks that one network begins with of another: the stem, and a body that is no larger."""
    body, larger = (load_file(file)["layers.body.0.weight"].shape for file in (own, donor))
    return 1 + all(a <= b for a, b in zip(body, larger, strict=True))


def silent(text: str) -> None:
    pass


def search(
    folder: Path, data: Path, trials: int, *, inherit: bool = True, short_epochs: int = 0
) -> None:
    settings = settings_for(data, trials=trials)
    changes = {
        "inherit": inherit,
        "short_epochs": short_epochs,
        "finalists": 0,
        "stop": "dominance" if short_epochs else "none",
    }
    changed = settings.search.model_copy(update=changes)
    training = settings.training.model_copy(update={"epochs": 1 + short_epochs})
    settings = settings.model_copy(update={"search": changed, "training": training})
    run_search(parse_space(SPACE), settings, out=folder, say=silent)


def go_on(folder: Path, trials: int) -> None:
    def more(settings: SearchSettings) -> SearchSettings:
        search = settings.search.model_copy(update={"trials": trials})
        return settings.model_copy(update={"search": search})

    resume_search(folder, say=silent, change=more)


def inherited(folder: Path) -> list[dict[str, Any] | None]:
    """Of each network trained, in order: whose weights, and of how many blocks."""
    trials = open_study(folder / "study.log").get_trials(deepcopy=False)
    trained = [trial for trial in trials if trial.user_attrs.get("outcome") == "trained"]
    return [trial.user_attrs.get("inherited") for trial in trained]


def kept(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in (folder / "weights").glob("*.safetensors")}


def stems_at_the_start(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Filled with the stem's weights before each training."""
    fit, stems = trainer_module.fit, []

    def watched(network: torch.nn.Module, *arguments: Any, **options: Any) -> Any:
        stems.append(network.state_dict()["layers.stem.0.weight"].clone())
        return fit(network, *arguments, **options)

    monkeypatch.setattr(trainer_module, "fit", watched)
    return stems


def test_each_network_but_the_first_begins_with_a_finished_stem(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems = stems_at_the_start(monkeypatch)
    search(tmp_path / "run", pictures, 4)
    trained = [item for item in trials_of(tmp_path / "run") if item.state == "trained"]
    assert kept(tmp_path / "run") == {item.architecture_hash for item in trained}
    first, *others = inherited(tmp_path / "run")
    weights = tmp_path / "run" / "weights"
    assert first is None
    for number, (stem, facts) in enumerate(zip(stems[1:], others, strict=True), start=1):
        files = [weights / f"{item.architecture_hash}.safetensors" for item in trained]
        blocks = [taken(files[number], file) for file in files[:number]]
        # most blocks, of equals the highest metric, of equals the first by name
        best = min(
            range(number),
            key=lambda i: (-blocks[i], -trained[i].metric, trained[i].architecture_hash),
        )
        assert facts == {"donor": trained[best].architecture_hash, "blocks": blocks[best]}
        assert torch.equal(stem, load_file(files[best])["layers.stem.0.weight"])


def test_without_the_flag_nothing_is_kept_or_taken(tmp_path: Path, pictures: Path) -> None:
    search(tmp_path / "run", pictures, 2, inherit=False)
    assert not (tmp_path / "run" / "weights").exists()
    assert inherited(tmp_path / "run") == [None, None]


def test_short_trainings_take_and_only_full_ones_give(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems = stems_at_the_start(monkeypatch)
    search(tmp_path / "run", pictures, 2, short_epochs=1)
    first_short, first_full, second_short, _ = stems
    assert torch.equal(first_short, first_full)  # not its own short training's
    [file] = (tmp_path / "run" / "weights").glob(
        f"{trials_of(tmp_path / 'run')[0].architecture_hash}*"
    )
    assert torch.equal(second_short, load_file(file)["layers.stem.0.weight"])


@pytest.mark.slow
def test_a_search_that_goes_on_inherits_from_its_beginning(tmp_path: Path, pictures: Path) -> None:
    run = tmp_path / "run"
    search(run, pictures, 1)
    [donor] = kept(run)
    go_on(run, 2)
    first, second = inherited(run)
    assert first is None
    assert second is not None
    assert second["donor"] == donor


@pytest.mark.slow
def test_damaged_and_missing_weights_cost_a_line_in_the_log(tmp_path: Path, pictures: Path) -> None:
    run = tmp_path / "run"
    search(run, pictures, 2)
    damaged, missing = sorted(kept(run))
    file = run / "weights" / f"{damaged}.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    (run / "weights" / f"{missing}.safetensors").unlink()
    go_on(run, 3)
    assert inherited(run)[2] is None
    lines = [line for line in (run / "log.txt").read_text().splitlines() if str(file) in line]
    assert len(lines) == 1
