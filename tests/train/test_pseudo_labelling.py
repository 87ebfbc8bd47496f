"""Rounds: labels are added to the first ones, each training begins anew, the best one is kept."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.spec.training import PseudoLabellingSpec, TrainingSpec
from nas.tasks.base import PseudoLabelled
from nas.train.checkpoint import EpochResult
from nas.train.loop import evaluate, fit
from nas.train.pseudo_labelling import ADDED_FILE, CHECKPOINT_FILE, RoundResults, fit_rounds
from tests.train.conftest import Points, PointTask, build_net

CPU = torch.device("cpu")
TRAINING = TrainingSpec(epochs=2, batch_size=30, learning_rate=2e-2)
ROUNDS = TRAINING.model_copy(
    update={"pseudo_labelling": PseudoLabellingSpec(rounds=3, threshold=0.6)}
)


@dataclass
class SelfTaught(PointTask):
    """Points whose training labels the network replaces where it is sure."""

    asked: list[tuple[Points, Tensor]] = field(default_factory=list)

    def check_pseudo_labelling(self, data: Points) -> None:
        pass

    def pseudo_labelled(
        self, data: Points, network: Callable[[Tensor], Any], threshold: float, device: torch.device
    ) -> PseudoLabelled[Points]:
        assert threshold == 0.6
        x, labels = data.splits["train"]
        probabilities_NK = network(x.to(device)).softmax(dim=1).cpu()
        self.asked.append((data, probabilities_NK))
        sure_N = probabilities_NK.amax(dim=1) >= threshold
        found = torch.where(sure_N, probabilities_NK.argmax(dim=1), labels)
        changed = int((found != labels).sum())
        splits = {**data.splits, "train": (x, found)}
        return PseudoLabelled(replace(data, splits=splits), {"all": changed}, f"{changed}\n")


def run(
    net: nn.Module, points: Points, folder: Path, task: PointTask, training: TrainingSpec = ROUNDS
) -> tuple[RoundResults, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []

    def on_epoch(number: int, result: EpochResult) -> None:
        seen.append((number, result.epoch))

    results = fit_rounds(
        net, points, task, training, folder, device=CPU, on_epoch=on_epoch, on_round=lambda _: None
    )
    return results, seen


def test_each_round_begins_anew_and_adds_to_the_first_labels(
    points: Points, tmp_path: Path
) -> None:
    task, net = SelfTaught(), build_net()
    results, seen = run(net, points, tmp_path, task)
    assert seen == [(number, epoch) for number in (1, 2, 3) for epoch in (1, 2)]
    assert [data for data, _ in task.asked] == [points, points]
    alone = build_net()
    first = fit(alone, points, task, TRAINING, device=CPU)
    assert results.rounds[0].fitted.best_validation == first.best_validation
    pseudo_labelled = task.pseudo_labelled(points, alone.eval(), 0.6, CPU)  # as the first round did
    torch.testing.assert_close(task.asked[0][1], task.asked[2][1], rtol=1e-4, atol=1e-5)
    second = fit(build_net(), pseudo_labelled.data, task, TRAINING, device=CPU)
    assert results.rounds[1].fitted.best_validation == second.best_validation


def test_the_best_round_is_kept(points: Points, tmp_path: Path) -> None:
    task, net = SelfTaught(), build_net()
    results, _ = run(net, points, tmp_path, task)
    reached = [item.fitted.best_validation.primary for item in results.rounds]
    assert results.kept.number == reached.index(max(reached)) + 1
    assert evaluate(net, points, task, "validation", device=CPU).primary == max(reached)
    assert not net.training


def test_the_added_labels_are_written_and_counted(points: Points, tmp_path: Path) -> None:
    task = SelfTaught()
    results, _ = run(build_net(), points, tmp_path, task)
    for item in results.rounds[:2]:
        assert item.added is not None
        written = (tmp_path / f"round-{item.number}" / ADDED_FILE).read_text()
        assert written == f"{item.added['all']}\n"
    assert results.rounds[2].added is None
    assert not (tmp_path / "round-3" / ADDED_FILE).exists()


def renamed_as_before(folder: Path) -> None:
    """The folders of the rounds as versions before 0.2 named them."""
    for path in sorted(folder.glob("round-*")):
        path.rename(path.with_name(path.name.replace("round", "cycle")))


@pytest.mark.parametrize("old_names", [False, True])
@pytest.mark.parametrize("stop", [(1, 1), (2, 1), (2, 2), (3, 1)])
def test_goes_on_to_the_same_weights(
    points: Points, tmp_path: Path, stop: tuple[int, int], old_names: bool
) -> None:
    def interrupt(number: int, result: EpochResult) -> None:
        if (number, result.epoch) == stop:
            raise KeyboardInterrupt

    whole, resumed = build_net(), build_net()
    run(whole, points, tmp_path / "whole", SelfTaught())
    with pytest.raises(KeyboardInterrupt):
        fit_rounds(
            build_net(), points, SelfTaught(), ROUNDS, tmp_path / "stopped", device=CPU,
            on_epoch=interrupt, on_round=lambda _: None,
        )  # fmt: skip
    if old_names:
        renamed_as_before(tmp_path / "stopped")
    _, seen = run(resumed, points, tmp_path / "stopped", SelfTaught())
    if stop != (1, 1):  # else nothing was written yet
        assert (1, 1) not in seen
        assert (tmp_path / "stopped" / "round-1").exists() is not old_names
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_without_pseudo_labelling_it_is_one_training(points: Points, tmp_path: Path) -> None:
    task, net, alone = SelfTaught(), build_net(), build_net()
    results, _ = run(net, points, tmp_path, task, TRAINING)
    fit(alone, points, task, TRAINING, device=CPU)
    assert [item.added for item in results.rounds] == [None]
    assert (tmp_path / CHECKPOINT_FILE).exists()
    for name, value in alone.state_dict().items():
        assert torch.equal(value, net.state_dict()[name]), name


def test_a_task_whose_labels_are_known_refuses(points: Points, tmp_path: Path) -> None:
    with pytest.raises(NasError, match="all known"):
        run(build_net(), points, tmp_path, PointTask())
    assert not list(tmp_path.iterdir()), "nothing is trained before"
