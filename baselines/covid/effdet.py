"""EfficientDet D0 to D7 (Tan et al. 2020, arXiv:1911.09070) by the package effdet, as detectors.

`model: baselines.covid.effdet:efficientdet_d0` in an architecture file, with `head: none`. Checked
with effdet 0.4.1 and timm 1.0.31; effdet's own average precision does not run on NumPy 2 and is not
used. Training boxes are y1 x1 y2 x2 there, rows found x1 y1 x2 y2: both are turned here only.
"""

import warnings
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from nas.errors import NasError
from nas.tasks.covid.detections import DETECTIONS_PER_IMG, SCORE_THRESH, Detections, WholeDetector
from nas.tasks.covid.suppression import clipped

INSTALL = "pip install 'compact-nas[xray]'"
SIZE_STEP = 128
"""Sides of an input are multiples of it: the coarsest of five maps has this stride."""
TOPK_CANDIDATES = 5000
"""Boxes of an image that suppression is run on, effdet's own number; fewer where there are fewer.
"""


class EfficientDetector(WholeDetector):
    """One of effdet's networks with its loss and its suppression."""

    of_classes = ("class_net.predict.conv_pw",)

    def __init__(
        self,
        name: str,
        num_classes: int = 1,
        pretrained: bool = False,
        input_size: tuple[int, int] = (512, 512),
    ) -> None:
        super().__init__()
        if any(side % SIZE_STEP for side in input_size):
            height, width = input_size
            raise NasError(
                f"EfficientDet can't take an input of {height}x{width}; allowed: multiples of "
                f"{SIZE_STEP}",
                key="input",
            )
        self.model: Any = _network(name, num_classes, input_size, pretrained)
        self.anchors = _anchors(self.model.config)

    @property
    def library_network(self) -> nn.Module:
        network: nn.Module = self.model
        return network

    @property
    def backbone(self) -> nn.Module:
        """timm's features, named as its classifier of that name."""
        backbone: nn.Module = self.model.backbone
        return backbone

    def training_loss(self, x_NCHW: Tensor, boxes: tuple[Tensor, ...]) -> Tensor:
        from effdet.anchors import AnchorLabeler
        from effdet.loss import DetectionLoss

        config = self.model.config
        labeler = AnchorLabeler(self.anchors, config.num_classes, match_threshold=0.5)
        # no rows for an image without boxes: every row, even one without area, is given an anchor
        turned = [box_B4[:, [1, 0, 3, 2]] for box_B4 in boxes]
        classes = [box_B4.new_ones(len(box_B4)) for box_B4 in turned]
        wanted = labeler.batch_label_anchors(turned, classes)
        loss: Tensor = DetectionLoss(config)(*self.model(_planes(x_NCHW)), *wanted)[0]
        return loss

    def for_counting(self) -> nn.Module:
        return _Outputs(self.model)

    def forward(self, x_NCHW: Tensor) -> list[Detections]:
        from effdet.anchors import generate_detections
        from effdet.bench import _post_process

        config, boxes = self.model.config, self.anchors.boxes
        most = min(TOPK_CANDIDATES, len(boxes))
        class_out, box_out = self.model(_planes(x_NCHW))
        found = _post_process(class_out, box_out, config.num_levels, config.num_classes, most)
        size = (x_NCHW.shape[2], x_NCHW.shape[3])
        return [
            _detections(
                generate_detections(*image[:2], boxes, *image[2:], None, None, DETECTIONS_PER_IMG),
                size,
            )
            for image in zip(*found, strict=True)
        ]


class _Outputs(nn.Module):
    """The network on inputs of one plane or three."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x_NCHW: Tensor) -> Any:
        return self.model(_planes(x_NCHW))


def _anchors(config: Any) -> Any:
    from effdet.anchors import Anchors

    return Anchors.from_config(config)


def _planes(x_NCHW: Tensor) -> Tensor:
    """Three planes: a grey one three times."""
    return x_NCHW.expand(-1, 3, -1, -1)


def _network(
    name: str, num_classes: int, input_size: tuple[int, int], pretrained: bool
) -> nn.Module:
    try:
        with warnings.catch_warnings():  # it scripts functions, which torch deprecates
            warnings.simplefilter("ignore")
            import effdet
    except ImportError as error:
        raise NasError(f"{error.name} is not installed: {INSTALL}") from error
    try:
        network: nn.Module = effdet.create_model(
            f"tf_{name}",
            bench_task="",
            num_classes=num_classes,
            image_size=input_size,
            pretrained=pretrained,
            pretrained_backbone=False,
        )
    except Exception as error:  # the hub's client has errors of many kinds
        reason = str(error).split("\n")[0]
        raise NasError(f"effdet: weights of {name} could not be had: {reason}") from error
    return network


def _detections(rows_D6: Tensor, size: tuple[int, int]) -> Detections:
    """What effdet gives of an image, rows x1 y1 x2 y2 score class, filled up with zeros.

    They are clipped here: effdet's boxes reach beyond the image. Sides are exponentials, which
    early in a training may overflow: such a box is none.
    """
    rows = rows_D6.detach().double().cpu().numpy()
    rows = rows[np.isfinite(rows).all(axis=1)]
    rows[:, :4] = clipped(rows[:, :4], size)
    rows = rows[(rows[:, 4] >= SCORE_THRESH) & (rows[:, 2:4] > rows[:, :2]).all(axis=1)]
    order = np.argsort(-rows[:, 4], kind="stable")
    return Detections(rows[order, :4], rows[order, 4])


# Named, so that an architecture file can say which.
efficientdet_d0 = partial(EfficientDetector, "efficientdet_d0")
efficientdet_d1 = partial(EfficientDetector, "efficientdet_d1")
efficientdet_d2 = partial(EfficientDetector, "efficientdet_d2")
efficientdet_d3 = partial(EfficientDetector, "efficientdet_d3")
efficientdet_d4 = partial(EfficientDetector, "efficientdet_d4")
efficientdet_d5 = partial(EfficientDetector, "efficientdet_d5")
efficientdet_d6 = partial(EfficientDetector, "efficientdet_d6")
efficientdet_d7 = partial(EfficientDetector, "efficientdet_d7")
