"""The loss of a dense detector."""

from torch import Tensor, nn
from torch.nn import functional

from blocks import DetectionOutput
from nas.spec.training import DetectionLossSpec
from nas.tasks.covid.assignment import Assigned, assign, padded_boxes
from nas.tasks.covid.places import boxes_at, place_table, reach_table
from nas.tasks.covid.targets import BoxTargets


class DenseBoxLoss(nn.Module):
    """Focal loss of the classes, generalised IoU of the boxes, cross-entropy of the centre-ness.

    FCOS, Tian et al. 2019, eq. 2, with torchvision's focal and IoU losses. Each is divided by the
    places that answer for a box (at least 1); a box's IoU is weighted by its centre-ness.
    """

    def __init__(self, spec: DetectionLossSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, outputs: DetectionOutput, targets: BoxTargets) -> Tensor:
        outputs = DetectionOutput(*(part.float() for part in outputs))
        height, width = targets.size
        device = outputs.class_logits_NPK.device
        places_P3 = place_table(height, width).to(device)
        reach_P2 = reach_table(height, width).to(device)
        boxes_NB4 = padded_boxes(list(targets.boxes))
        assigned = assign(boxes_NB4, places_P3, reach_P2, self.spec.centre_radius)
        return self._terms(outputs, assigned, places_P3) / assigned.positive_NP.sum().clamp(min=1)

    def _terms(self, outputs: DetectionOutput, assigned: Assigned, places_P3: Tensor) -> Tensor:
        from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

        positive = assigned.positive_NP
        total: Tensor = sigmoid_focal_loss(
            outputs.class_logits_NPK[..., 0],
            positive.float(),
            alpha=self.spec.focal_alpha,
            gamma=self.spec.focal_gamma,
            reduction="sum",
        )
        boxes_NP4 = boxes_at(outputs.distances_NP4, places_P3)
        weight = assigned.centreness_NP[positive]
        overlap = generalized_box_iou_loss(boxes_NP4[positive], assigned.box_NP4[positive])
        # Divided by the mean centre-ness, so that the weights leave its scale as it is.
        scale = len(weight) / weight.sum().clamp(min=1e-6)
        total = total + self.spec.box_weight * scale * (weight * overlap).sum()
        return total + functional.binary_cross_entropy_with_logits(
            outputs.centre_logits_NP[positive], weight, reduction="sum"
        )


class DetectorLoss(nn.Module):
    """`DenseBoxLoss` of the values at all places; a whole detector's own loss as it is."""

    def __init__(self, spec: DetectionLossSpec) -> None:
        super().__init__()
        self.dense = DenseBoxLoss(spec)

    def forward(self, outputs: DetectionOutput | Tensor, targets: BoxTargets) -> Tensor:
        if isinstance(outputs, Tensor):
            return outputs.float()
        loss: Tensor = self.dense(outputs, targets)
        return loss
