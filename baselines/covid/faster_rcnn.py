"""Faster R-CNN (Ren et al. 2015, arXiv:1506.01497) of torchvision, as detectors.

`model: baselines.covid.faster_rcnn:fasterrcnn_resnet50_fpn` in an architecture file, with
`head: none`.
"""

from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from nas.errors import NasError
from nas.tasks.covid.detections import DETECTIONS_PER_IMG, SCORE_THRESH, Detections, WholeDetector


class FasterRCNN(WholeDetector):
    """One of torchvision's networks; inputs are neither resized nor normalised again."""

    of_classes = ("roi_heads.box_predictor.cls_score", "roi_heads.box_predictor.bbox_pred")

    def __init__(self, name: str, num_classes: int = 1, pretrained: bool = False) -> None:
        super().__init__()
        self.model = _network(name, num_classes, pretrained)

    @property
    def library_network(self) -> nn.Module:
        network: nn.Module = self.model
        return network

    @property
    def backbone(self) -> nn.Module:
        """The features, named as torchvision's and timm's classifier of that name."""
        body: nn.Module = self.model.backbone.body
        return body

    def training_loss(self, x_NCHW: Tensor, boxes: tuple[Tensor, ...]) -> Tensor:
        targets = [
            {"boxes": box_B4, "labels": box_B4.new_ones(len(box_B4)).long()}
            for box_B4 in map(_with_area, boxes)
        ]
        losses: dict[str, Tensor] = self.model(list(_planes(x_NCHW)), targets)
        return sum(losses.values(), start=x_NCHW.new_zeros(()))

    def for_counting(self) -> nn.Module:
        return _Stages(self.model)

    def forward(self, x_NCHW: Tensor) -> list[Detections]:
        return [_detections(found) for found in self.model(list(_planes(x_NCHW)))]


class _Stages(nn.Module):
    """Backbone, region proposals, and the second stage on the most regions that it looks at."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.proposals = model.rpn.head
        self.box_head = model.roi_heads.box_head
        self.predictor = model.roi_heads.box_predictor
        self.side = model.roi_heads.box_roi_pool.output_size
        self.regions: int = model.rpn._post_nms_top_n["testing"]

    def forward(self, x_NCHW: Tensor) -> Any:
        maps = list(self.backbone(_planes(x_NCHW)).values())
        regions = x_NCHW.new_zeros((self.regions, maps[0].shape[1], *self.side))
        return self.proposals(maps), self.predictor(self.box_head(regions))


def _planes(x_NCHW: Tensor) -> Tensor:
    """Three planes: a grey one three times."""
    return x_NCHW.expand(-1, 3, -1, -1)


def _with_area(box_B4: Tensor) -> Tensor:
    return box_B4[(box_B4[:, 2:] > box_B4[:, :2]).all(dim=1)]


def _network(name: str, num_classes: int, pretrained: bool) -> Any:
    from torchvision.models import detection

    options: dict[str, Any] = {
        "num_classes": num_classes + 1,  # and the background
        "weights": None,
        "weights_backbone": None,
        "image_mean": [0.0] * 3,
        "image_std": [1.0] * 3,
        "box_score_thresh": SCORE_THRESH,
        "box_detections_per_img": DETECTIONS_PER_IMG,
    }
    network = getattr(detection, name)(**options)
    network.transform.resize = _as_it_is
    if pretrained:
        _load_published(network, name)
    return network


def _as_it_is(image: Tensor, target: Any = None) -> tuple[Tensor, Any]:
    """Instead of torchvision's resizing, which would enlarge images to 320 or 800 pixels."""
    return image, target


def _load_published(network: nn.Module, name: str) -> None:
    """Fill in torchvision's COCO weights but for the classifier of other width."""
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).DEFAULT
    try:
        state = weights.get_state_dict(progress=False)
    except OSError as error:  # as those of urllib are
        raise NasError(f"{weights} could not be downloaded from {weights.url}: {error}") from error
    own = network.state_dict()
    fitting = {key: value for key, value in state.items() if own[key].shape == value.shape}
    network.load_state_dict(fitting, strict=False)


def _detections(found: dict[str, Tensor]) -> Detections:
    boxes_B4 = found["boxes"].detach().double().cpu().numpy()
    scores_B = found["scores"].detach().double().cpu().numpy()
    order = np.argsort(-scores_B, kind="stable")
    return Detections(boxes_B4[order], scores_B[order])


fasterrcnn_resnet50_fpn = partial(FasterRCNN, "fasterrcnn_resnet50_fpn")
fasterrcnn_mobilenet_v3_large_fpn = partial(FasterRCNN, "fasterrcnn_mobilenet_v3_large_fpn")
fasterrcnn_mobilenet_v3_large_320_fpn = partial(FasterRCNN, "fasterrcnn_mobilenet_v3_large_320_fpn")
