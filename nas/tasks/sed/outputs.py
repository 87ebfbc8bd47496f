"""What networks over time put out, mixed in training and averaged over several of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from blocks import TimeAttentionOutput
from nas.model.build import Network
from nas.tasks.sed.targets import Mix

LEAST_PROBABILITY = 1e-7
"""Bound of a mean probability and of its complement, where their logits are still finite."""


def mixed_outputs(network: nn.Module, x_NCHW: Tensor, mix: Mix | None) -> TimeAttentionOutput:
    """The network's outputs; where a mix is to be of the last layer, from the mixed features.

    They are mixed before the rectifier and the two scorings of the head, behind CBAM (the pipeline
    for the rainforest recordings; manifold mixup, Verma et al. 2019, at the last layer).
    """
    if mix is None or mix.place != "last_layer":
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
