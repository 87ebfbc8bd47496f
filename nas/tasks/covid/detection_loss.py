"""Loss of a dense detector."""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from blocks import DetectionOutput
from nas.spec.training import TaskLoss
from nas.spec.validate import Share
from nas.tasks.covid.batches import BoxTargets
from nas.tasks.covid.detections import boxes_at, location_table, reach_table
from nas.tasks.image.losses import bernoulli_divergence


class DetectionLossSpec(TaskLoss):
    """Loss of a detector over dense maps: focal loss of the classes, IoU loss of the boxes.

    Source: FCOS, Tian et al. 2019, arXiv:1904.01355, eq. 2, with its centre-ness and its sampling
    of centres, and the generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630).
    """

    kind: Literal["dense_boxes"] = "dense_boxes"
    focal_alpha: Share = 0.25
    """Weight of the positive locations; the others weigh 1 less this."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal loss (Lin et al. 2017, eq. 5)."""
    box_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 1.0
    """Weight of the boxes' term."""
    center_sampling_radius: Annotated[float, Field(strict=True, gt=0, le=16)] = 1.5
    """Positive locations lie within so many strides of the object's centre."""


class Assigned(NamedTuple):
    """Targets of the locations of a batch."""

    positive_NP: Tensor
    """bool: whether the location is a positive sample of a box."""
    box_NP4: Tensor
    """That box, in pixels; without meaning elsewhere."""
    centreness_NP: Tensor
    """Centre-ness of the location in that box, 0 to 1 (eq. 3); 0 elsewhere."""
    number_NP: Tensor
    """int64: position of that box among its image's; without meaning elsewhere."""


def padded_boxes(boxes: list[Tensor]) -> Tensor:
    """(N, B, 4) float32 of N images' boxes, filled up with zeros to B of at least 1."""
    most = max([1, *(len(image) for image in boxes)])
    padded = boxes[0].new_zeros((len(boxes), most, 4))
    for row, image in zip(padded, boxes, strict=True):
        row[: len(image)] = image
    return padded


def assign(
    boxes_NB4: Tensor, locations_P3: Tensor, reach_P2: Tensor, center_sampling_radius: float
) -> Assigned:
    """The box that each location is a positive sample of.

    A location belongs to a box if it lies in it and within `center_sampling_radius` strides of its
    centre, and if the box's farthest side lies within the range of the location's map. Of several
    boxes the smallest is taken (section 3.2).
    """
    x_P, y_P, stride_P = locations_P3.unbind(1)
    x1, y1, x2, y2 = (side_NB[:, None] for side_NB in boxes_NB4.unbind(2))
    sides_NPB4 = torch.stack(
        [x_P[:, None] - x1, y_P[:, None] - y1, x2 - x_P[:, None], y2 - y_P[:, None]], dim=-1
    )
    middle_NPB2 = torch.stack([x1 + x2, y1 + y2], dim=-1) / 2
    offset_NPB = (locations_P3[:, None, :2] - middle_NPB2).abs().amax(dim=-1)
    farthest_NPB = sides_NPB4.amax(dim=-1)
    allowed_NPB = (
        (sides_NPB4.amin(dim=-1) > 0)
        & (offset_NPB < center_sampling_radius * stride_P[:, None])
        & (farthest_NPB > reach_P2[:, :1])
        & (farthest_NPB <= reach_P2[:, 1:])
    )
    area_NPB = ((x2 - x1) * (y2 - y1)).expand_as(farthest_NPB)
    least_NP, chosen_NP = area_NPB.masked_fill(~allowed_NPB, torch.inf).min(dim=2)
    positive_NP = least_NP.isfinite()
    index_NP14 = chosen_NP[..., None, None].expand(-1, -1, 1, 4)
    sides_NP4 = sides_NPB4.gather(2, index_NP14).squeeze(2)
    box_NP4 = boxes_NB4.gather(1, chosen_NP[..., None].expand(-1, -1, 4))
    centreness_NP = _centreness(sides_NP4).where(positive_NP, 0.0)
    return Assigned(positive_NP, box_NP4, centreness_NP, chosen_NP)


def _centreness(sides_NP4: Tensor) -> Tensor:
    """sqrt(min(l, r) / max(l, r) x min(t, b) / max(t, b)); 0 outside the box."""
    along, down = sides_NP4[..., 0::2], sides_NP4[..., 1::2]
    ratio = along.amin(-1) / along.amax(-1) * (down.amin(-1) / down.amax(-1))
    inside = sides_NP4.amin(-1) > 0
    return ratio.where(inside, 0.0).clamp(0, 1).sqrt()


def _assigned_classes(assigned: Assigned, targets: BoxTargets, classes: int) -> Tensor:
    """(N, P, K) float32: 1 in the class of the box that a location is a positive sample of."""
    positive_NP1 = assigned.positive_NP[..., None]
    if targets.classes is None:
        return positive_NP1.float()
    padded_NB = padded_boxes([own_B[:, None].expand(-1, 4) for own_B in targets.classes])[..., 0]
    class_NP = padded_NB.gather(1, assigned.number_NP)
    return functional.one_hot(class_NP.long(), classes).float() * positive_NP1


class DenseBoxLoss(nn.Module):
    """Focal loss of the classes, generalised IoU of the boxes, cross-entropy of the centre-ness.

    FCOS, Tian et al. 2019, eq. 2, with torchvision's focal and IoU losses. Each is divided by the
    positive locations (at least 1); a box's IoU is weighted by its centre-ness.
    """

    def __init__(self, spec: DetectionLossSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, outputs: DetectionOutput, targets: BoxTargets) -> Tensor:
        outputs = DetectionOutput(*(part.float() for part in outputs))
        height, width = targets.size
        device = outputs.class_logits_NPK.device
        locations_P3 = location_table(height, width).to(device)
        reach_P2 = reach_table(height, width).to(device)
        boxes_NB4 = padded_boxes(list(targets.boxes))
        assigned = assign(boxes_NB4, locations_P3, reach_P2, self.spec.center_sampling_radius)
        classes_NPK = _assigned_classes(assigned, targets, outputs.class_logits_NPK.shape[2])
        total = self._terms(outputs, assigned, classes_NPK, locations_P3)
        return total / assigned.positive_NP.sum().clamp(min=1)

    def _terms(
        self,
        outputs: DetectionOutput,
        assigned: Assigned,
        classes_NPK: Tensor,
        locations_P3: Tensor,
    ) -> Tensor:
        from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

        positive = assigned.positive_NP
        total: Tensor = sigmoid_focal_loss(
            outputs.class_logits_NPK,
            classes_NPK,
            alpha=self.spec.focal_alpha,
            gamma=self.spec.focal_gamma,
            reduction="sum",
        )
        boxes_NP4 = boxes_at(outputs.distances_NP4, locations_P3)
        weight = assigned.centreness_NP[positive]
        overlap = generalized_box_iou_loss(boxes_NP4[positive], assigned.box_NP4[positive])
        # Divided by the mean centre-ness, so that the weights leave its scale as it is.
        scale = len(weight) / weight.sum().clamp(min=1e-6)
        total = total + self.spec.box_weight * scale * (weight * overlap).sum()
        return total + functional.binary_cross_entropy_with_logits(
            outputs.centre_logits_NP[positive], weight, reduction="sum"
        )


def taught_maps_loss(
    outputs: DetectionOutput, teacher: DetectionOutput, size: tuple[int, int]
) -> Tensor:
    """Loss of class maps, boxes and centre-ness against a teacher's at the same locations.

    The classes have the quality focal loss towards the teacher's probabilities (Li et al. 2020,
    arXiv:2006.04388, eq. 4, exponent 2), so that the many locations where both see nothing weigh
    little; the boxes their generalised IoU and the centre-ness its cross-entropy less the least
    possible, both weighted by the teacher's score. All are divided by the sum of these scores, as
    the loss against labels is by its positive locations. `size` is that of the input.
    """
    from torchvision.ops import generalized_box_iou_loss

    own = DetectionOutput(*(part.float() for part in outputs))
    quality_NPK, centre_NP = teacher.class_logits_NPK.sigmoid(), teacher.centre_logits_NP.sigmoid()
    score_NP = quality_NPK.amax(dim=2) * centre_NP
    distance_NPK = (quality_NPK - own.class_logits_NPK.sigmoid()).abs()
    classes_NPK = functional.binary_cross_entropy_with_logits(
        own.class_logits_NPK, quality_NPK, reduction="none"
    )
    locations_P3 = location_table(*size).to(score_NP.device)
    boxes_NP = generalized_box_iou_loss(
        boxes_at(own.distances_NP4, locations_P3), boxes_at(teacher.distances_NP4, locations_P3)
    )
    centres_NP = bernoulli_divergence(own.centre_logits_NP, teacher.centre_logits_NP)
    total = (classes_NPK * distance_NPK**2).sum() + (score_NP * (boxes_NP + centres_NP)).sum()
    taught: Tensor = total / score_NP.sum().clamp(min=1)
    return taught


class DetectorLoss(nn.Module):
    """`DenseBoxLoss` of the outputs at all locations; a whole detector's own loss as it is."""

    def __init__(self, spec: DetectionLossSpec) -> None:
        super().__init__()
        self.dense = DenseBoxLoss(spec)

    def forward(self, outputs: DetectionOutput | Tensor, targets: BoxTargets) -> Tensor:
        if isinstance(outputs, Tensor):
            return outputs.float()
        loss: Tensor = self.dense(outputs, targets)
        return loss
