"""Loss for partly known labels. N windows, K classes."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from blocks import TimeAttentionOutput
from nas.model.build import Network
from nas.spec.training import TaskLoss
from nas.tasks.image.losses import bernoulli_divergence
from nas.tasks.sed.targets import Mix, WindowTargets


class KnownLabelLossSpec(TaskLoss):
    """Loss for partly known labels: only what a table says is counted.

    Binary cross-entropy, or its focal form, towards 1 where a true positive is labelled and towards
    0 where a false positive is.
    """

    kind: Literal["known_bce", "known_focal"] = "known_bce"
    """Binary cross-entropy, or its focal form."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal form (Lin et al. 2017, eq. 4)."""
    positive_decay: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    """Decay d: within a batch, a class's positive losses in falling order are weighted 1, d, d**2,
    ...; 1 for none."""
    f1_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.0
    """Weight of a soft macro-F1 term on the known labels; 0 for none."""


class KnownLabelLoss(nn.Module):
    """The loss of a `KnownLabelLossSpec` on clip-wise logits: only known pairs are counted.

    The mean over the known pairs (window, class) of the binary cross-entropy, or its focal form;
    with `f1_weight`, that times the soft F1 loss is added. A mixed batch has the loss towards the
    windows' own labels and that towards their partners', in the shares of the mix (Zhang et al.
    2018): the cross-entropy towards the mixed labels, where both are known. A batch that knows
    nothing has loss 0.

    Source: the second stage of the pipeline for the rainforest recordings, with a mean instead of
    its sum, so that the learning rate does not depend on how much is labelled.
    """

    def __init__(self, spec: KnownLabelLossSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, outputs: TimeAttentionOutput, targets: WindowTargets) -> Tensor:
        logits_NK, mix = outputs.clipwise_NK.float(), targets.mix
        own = self._towards(logits_NK, targets.labels_NK)
        if mix is None:
            return own
        partners = self._towards(logits_NK, targets.labels_NK[mix.permutation_N])
        return mix.weight * own + (1 - mix.weight) * partners

    def _towards(self, logits_NK: Tensor, labels_NK: Tensor) -> Tensor:
        spec = self.spec
        known_NK, positive_NK = labels_NK != 0, labels_NK > 0
        losses_NK = functional.binary_cross_entropy_with_logits(
            logits_NK, positive_NK.float(), reduction="none"
        )
        if spec.kind == "known_focal":
            # The loss is -log p, p the label's probability; the bound keeps the power's gradient
            # finite at p = 1 for gamma < 1.
            losses_NK = losses_NK * (-(-losses_NK).expm1()).clamp(min=1e-12) ** spec.focal_gamma
        if spec.positive_decay < 1:
            losses_NK = losses_NK * decay_weights(losses_NK, positive_NK, spec.positive_decay)
        loss = losses_NK.where(known_NK, 0).sum() / known_NK.sum().clamp(min=1)
        if spec.f1_weight:
            loss = loss + spec.f1_weight * soft_f1_loss(logits_NK, labels_NK)
        return loss


def decay_weights(losses_NK: Tensor, positive_NK: Tensor, decay: float) -> Tensor:
    """(N, K) weights: within each class 1, `decay`, `decay`**2, ... for the positive losses from
    the greatest down, 1 for all others. Constants: no gradient flows through them.
    """
    ranked_NK = losses_NK.detach().masked_fill(~positive_NK, -torch.inf)
    rank_NK = ranked_NK.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    return torch.where(positive_NK, decay ** rank_NK.to(losses_NK.dtype), 1.0)


def soft_f1_loss(logits_NK: Tensor, labels_NK: Tensor) -> Tensor:
    """1 minus the mean over classes of 2 sum(p y) / (sum(p) + sum(y)), summed over known pairs.

    p are probabilities, y is 1 for a present class. Classes without a positive in the batch are
    left out, as their F1 is 0 whatever is predicted; where all are, the loss is 0.
    """
    probability_NK = logits_NK.sigmoid().where(labels_NK != 0, 0)
    positive_NK = (labels_NK > 0).to(probability_NK.dtype)
    positives_K = positive_NK.sum(dim=0)
    hits_K = (probability_NK * positive_NK).sum(dim=0)
    present_K = positives_K > 0
    # Absent classes add exactly 0: their divisor's own zero is what the bound is for.
    f1_K = 2 * hits_K / (probability_NK.sum(dim=0) + positives_K).clamp(min=1e-12)
    missed_K = (1 - f1_K).where(present_K, 0)
    return missed_K.sum() / present_K.sum().clamp(min=1)


def taught_windows_loss(
    outputs: TimeAttentionOutput, soft: Sequence[Tensor], mix: Mix | None, temperature: float
) -> Tensor:
    """Loss of clip-wise and segment-wise logits against a teacher's, half each.

    The mean over windows, classes and time steps of the divergence of a class's presence, both
    logits divided by the temperature T, times T^2. The teacher's segments are stretched linearly to
    the network's time steps. Where windows are mixed before the last layer, so are the teacher's
    probabilities, which it has of the windows themselves.
    """
    clip_NK, segment_NKT = soft
    steps = outputs.segmentwise_NKT.shape[2]
    if segment_NKT.shape[2] != steps:
        segment_NKT = functional.interpolate(segment_NKT, size=steps, mode="linear")
    terms = []
    for own, teacher in ((outputs.clipwise_NK, clip_NK), (outputs.segmentwise_NKT, segment_NKT)):
        softened = teacher.float() / temperature
        if mix is not None and mix.level == "last_layer":
            softened = mix(softened.sigmoid()).logit(eps=LEAST_PROBABILITY)
        terms.append(bernoulli_divergence(own.float() / temperature, softened).mean())
    return torch.stack(terms).mean() * temperature**2


LEAST_PROBABILITY = 1e-7
"""Bound of a mean probability and of its complement, where their logits are still finite."""


def mixed_outputs(network: nn.Module, x_NCHW: Tensor, mix: Mix | None) -> TimeAttentionOutput:
    """The network's outputs; where a mix is to be of the last layer, from the mixed features.

    They are mixed before the rectifier and the two scorings of the head, behind CBAM (the pipeline
    for the rainforest recordings; manifold mixup, Verma et al. 2019, at the last layer).
    """
    if mix is None or mix.level != "last_layer":
        outputs: TimeAttentionOutput = network(x_NCHW)
        return outputs
    if not isinstance(network, Network):
        raise ValueError(f"no last layer to mix at in a {type(network).__name__}")
    features_NCHW = network.layers(x_NCHW)
    *before, attention = network.head
    for part in before:
        features_NCHW = part(features_NCHW)
    attended: TimeAttentionOutput = attention(mix(features_NCHW))
    return attended


def mean_outputs(outputs: Sequence[TimeAttentionOutput]) -> TimeAttentionOutput:
    """Logits of the mean of the networks' probabilities, clip-wise and segment-wise."""
    return TimeAttentionOutput(
        _mean_logit([output.clipwise_NK for output in outputs]),
        _mean_logit([output.segmentwise_NKT for output in outputs]),
    )


def _mean_logit(logits: Sequence[Tensor]) -> Tensor:
    mean = torch.stack([item.float().sigmoid() for item in logits]).mean(dim=0)
    return mean.logit(eps=LEAST_PROBABILITY)
