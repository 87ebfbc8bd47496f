"""A detector with a loss and a decoding of its own, trained and measured as any other."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nas.data.augment import AugmentSpec
from nas.macs.count import count_macs
from nas.spec.training import TrainingSpec
from nas.tasks.covid.detection import CovidDetectionTask
from nas.tasks.covid.detections import Detections, WholeDetector
from nas.train.loop import evaluate, fit
from tests.tasks.covid.rectangles import Box, bright_box, painted_data

TASK = CovidDetectionTask()
CPU = torch.device("cpu")
SIZE = (64, 96)
TRAINING = TrainingSpec(
    epochs=1,
    batch_size=8,
    learning_rate=0.02,
    sampler="none",
    augment=AugmentSpec(colour=0.0),
)


class Extents(WholeDetector):
    """Finds the rectangle by what is bright; learns, from the boxes, how sure to be of it."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(1, 1, 1)
        self.given: list[tuple[Tensor, tuple[Tensor, ...]]] = []
        self.losses: list[float] = []

    def _logits(self, x_NCHW: Tensor) -> Tensor:
        return self.score(x_NCHW.amax(dim=(2, 3), keepdim=True)).flatten()

    def training_loss(self, x_NCHW: Tensor, boxes: tuple[Tensor, ...]) -> Tensor:
        assert self.training
        self.given.append((x_NCHW, boxes))
        there_N = torch.tensor([float(len(image) > 0) for image in boxes])
        loss = nn.functional.binary_cross_entropy_with_logits(self._logits(x_NCHW), there_N)
        self.losses.append(loss.item())
        return loss

    def for_counting(self) -> nn.Module:
        return self.score

    def forward(self, x_NCHW: Tensor) -> list[Detections]:
        assert not self.training
        found = [bright_box(image_CHW) for image_CHW in x_NCHW]
        return [
            Detections(np.array([box]), np.array([float(score)])) if box else Detections.none()
            for box, score in zip(found, self._logits(x_NCHW).sigmoid(), strict=True)
        ]


@pytest.fixture
def network() -> Extents:
    torch.manual_seed(0)
    return Extents()


BOXES: list[Box | None] = [(30, 20, 50, 34), None, (40, 24, 66, 44), None] * 4


def test_an_epoch_of_its_own_loss(network: Extents) -> None:
    data = painted_data(SIZE, BOXES, BOXES[:6])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    result = fit(network, data, TASK, TRAINING, device=CPU)
    assert not network.training
    assert [len(x_NCHW) for x_NCHW, _ in network.given] == [8, 8]
    for x_NCHW, boxes in network.given:
        for image_CHW, boxes_B4 in zip(x_NCHW, boxes, strict=True):
            assert boxes_B4.tolist() == [box for box in (bright_box(image_CHW),) if box]
    assert any(not torch.equal(before[name], v) for name, v in network.state_dict().items())
    assert result.history[0].train_loss == pytest.approx(np.mean(network.losses))
    assert result.best_validation.counts == (3, 0, 0)
    assert result.best_validation.primary == 1
    assert json.loads(json.dumps(result.best_validation.as_json()))["images"] == 6


def test_the_test_split_takes_the_threshold_of_validation(network: Extents) -> None:
    data = painted_data(SIZE, BOXES, BOXES[:6])
    result = fit(network, data, TASK, TRAINING, device=CPU)
    with pytest.raises(ValueError, match="thresholds are not chosen on the test split"):
        evaluate(network, data, TASK, "test", device=CPU)
    kept = TASK.thresholds_of(result.best_validation)
    metrics = evaluate(network, data, TASK, "test", device=CPU, thresholds=kept)
    assert (metrics.threshold, metrics.threshold_from) == (kept["opacity"], "given")
    sure = evaluate(network, data, TASK, "test", device=CPU, thresholds={"opacity": 1.0})
    assert sure.counts == (0, 0, 3)


def test_it_is_counted_by_what_it_names(network: Extents) -> None:
    assert count_macs(network, (1, *SIZE)).total == SIZE[0] * SIZE[1]


def test_the_mean_of_several_gathers_their_boxes(network: Extents) -> None:
    data = painted_data(SIZE, BOXES, BOXES[:6])
    ((x_NCHW, target),) = TASK.evaluation_batches(data, "validation", CPU)
    with torch.no_grad():
        found = network.eval()(x_NCHW)
    mean = TASK.mean_outputs([found, found])
    for one, both in zip(found, mean, strict=True):
        assert one.boxes_B4.tolist() == both.boxes_B4.tolist()
    assert TASK.measure(data, [(mean, target)]).counts == (3, 0, 0)


def test_all_three_parts_must_be_written() -> None:
    class Half(WholeDetector):
        def for_counting(self) -> nn.Module:
            return self

    with pytest.raises(TypeError, match="abstract"):
        Half()
