"""A search whose members share one network's weights: trained once, resumed, finalists trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nas.errors import NasError
from nas.model.build import build_network
from nas.search import final_trainer, shared
from nas.search.run import SearchInterrupted, resume_search, run_search
from nas.search.settings import SearchSettings
from nas.spec.architecture import load_architecture
from nas.spec.search import SearchSpec
from nas.spec.space import SpaceSpec, parse_space
from nas.spec.training import TrainingSpec
from nas.train.api import run_training
from nas.train.shared_run import begin_shared
from nas.train.weights import build_seeded, save_weights

from .conftest import settings_for, trials_of

SPACE = """
name: elastic
input: {channels: 3, size: [[8, 8], [6, 8]]}
layers:
  - {name: stem, block: Conv, out: [4, 8], kernel: 3, stride: 2}
  - {name: a, block: MBConv, out: 16, expand: [1.5, 2, 3], kernel: [3, 5]}
  - {name: b, block: MBConv, out: [24, 32], expand: [2, 4], kernel: 3, repeat: [1, 2]}
last: [a, b]
training: {epochs: 1, batch_size: 16}
"""


def shared_settings(data: Path, **search: object) -> SearchSettings:
    return settings_for(data, **{"evaluate": "shared", "finalists": 1, "trials": 4} | search)


def said_by(folder: Path, data: Path, **search: object) -> list[str]:
    said: list[str] = []
    settings = shared_settings(data, **search)
    run_search(parse_space(SPACE), settings, out=folder, say=said.append)
    return said


@pytest.mark.usefixtures("workers_here")
def test_candidates_are_measured_and_finalists_trained(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    said = said_by(run, pictures, shared_epochs=2)
    assert any(line.startswith("Shared network: members from") for line in said)
    assert sum("epoch" in line and "/2" in line for line in said) == 2
    assert [path.name for path in (run / "shared").iterdir()] == ["model.safetensors"]
    measured = [item for item in trials_of(run) if item.state == "trained"]
    assert len(measured) == 4
    assert {item.reason for item in measured} == {"measured with shared weights"}
    assert {item.epochs for item in measured} == {0}
    assert (run / "finalists.csv").read_text("utf-8").count("trained") == 2
    best = load_architecture(run / "best.yaml")
    build_network(best)


@pytest.mark.usefixtures("workers_here")
def test_finalists_begin_with_the_shared_weights(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, torch.Tensor]] = []
    plain = final_trainer.fit

    def spying(network: torch.nn.Module, *args: Any, **keys: Any) -> Any:
        begun.append({name: value.clone() for name, value in network.state_dict().items()})
        return plain(network, *args, **keys)

    monkeypatch.setattr(final_trainer, "fit", spying)
    run = tmp_path / "run"
    said_by(run, pictures)
    weights = load_file(run / "shared" / "model.safetensors")
    first, second = begun  # of two seeds
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    rows = weights["network.layers.stem.0.weight"].flatten(1).tolist()
    assert all(row in rows for row in first["layers.stem.0.weight"].flatten(1).tolist())


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
def test_an_interrupted_shared_training_goes_on(pictures: Path, tmp_path: Path) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    said_by(whole, pictures, shared_epochs=3, finalists=0)

    def stopping(line: str) -> None:
        if "epoch 2/3" in line:
            raise KeyboardInterrupt

    settings = shared_settings(pictures, shared_epochs=3, finalists=0)
    with pytest.raises(SearchInterrupted):
        run_search(parse_space(SPACE), settings, out=run, say=stopping)
    assert trials_of(run) == ()
    resume_search(run, say=lambda _: None)
    one, other = (load_file(item / "shared" / "model.safetensors") for item in (run, whole))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert [item.metric for item in trials_of(run)] == [item.metric for item in trials_of(whole)]


WHOLE = """
name: whole
input: {channels: 3, height: 16, width: 16}
layers:
  - {name: stem, block: Conv, out: 8, kernel: 3, stride: 2}
  - {name: a, block: MBConv, out: 16, expand: 3, kernel: 5}
  - {name: b, block: MBConv, out: 32, expand: 4, kernel: 3, repeat: 2}
classes: 7
"""


def begun_space(folder: Path) -> tuple[SpaceSpec, dict[str, torch.Tensor]]:
    """The space of cuts of a network in `folder`, and that network's tensors."""
    (folder / "whole.yaml").write_text(WHOLE)
    whole = build_seeded(load_architecture(folder / "whole.yaml"), 5, torch.device("cpu"))
    save_weights(whole, folder / "whole.safetensors")
    begin = f"begin: {{reference: {folder}/whole.yaml, weights: {folder}/whole.safetensors}}"
    return parse_space(
        SPACE.replace("name: elastic", f"name: elastic\n{begin}")
    ), whole.state_dict()


def test_the_shared_network_begins_with_the_source(tmp_path: Path) -> None:
    space, state = begun_space(tmp_path)
    shared_network = begin_shared(space, 0, torch.device("cpu")).network
    for name, value in shared_network.network.layers.state_dict().items():
        assert torch.equal(value, state[f"layers.{name}"])


@pytest.mark.slow
@pytest.mark.usefixtures("workers_here")
def test_the_best_of_a_search_on_digits_is_trained_by_itself(tmp_path: Path) -> None:
    space, _ = begun_space(tmp_path)
    space = space.with_keys(input={"channels": 3, "size": [[12, 12], [16, 16]]})
    search = SearchSpec(
        evaluate="shared", trials=5, shared_epochs=3, finalists=1, final_seeds=1, minutes=9.0
    )
    settings = SearchSettings.for_space(
        replace(space, search=search), workers=1, threads=1, device="cpu"
    )
    run_search(space, settings, out=tmp_path / "run", say=lambda _: None)
    training = TrainingSpec(epochs=2)
    result = run_training(
        tmp_path / "run" / "best.yaml",
        training=training,
        out=tmp_path / "alone",
        say=lambda _: None,
    )
    assert result.architecture.begin is not None


@pytest.mark.parametrize("key", ["inherit", "short_epochs", "per_second"])
def test_settings_of_trainings_are_refused(pictures: Path, tmp_path: Path, key: str) -> None:
    with pytest.raises(NasError, match="not trained one by one with shared weights") as caught:
        said_by(tmp_path / "run", pictures, **{key: True if key != "short_epochs" else 1})
    assert caught.value.key == f"search.{key}"


def test_a_space_of_other_members_is_refused_before_it_begins(
    space: SpaceSpec, pictures: Path, tmp_path: Path
) -> None:
    text = SPACE.replace(
        "block: MBConv, out: 16, expand: [1.5, 2, 3], kernel: [3, 5]",
        "block: {MBConv: {out: 16, expand: 2}, Conv: {out: 16, kernel: 3}}",
    )
    with pytest.raises(NasError, match="no part of those that the largest member has in a"):
        run_search(parse_space(text), shared_settings(pictures), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_epochs_of_the_shared_training() -> None:
    settings = SearchSettings(search=SearchSpec(evaluate="shared"))
    assert shared.shared_epochs(settings) == 2 * settings.training.epochs
    asked = settings.model_copy(update={"search": SearchSpec(shared_epochs=7)})
    assert shared.shared_epochs(asked) == 7
