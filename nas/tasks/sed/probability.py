"""Probabilities of classes in frames, from a window's clip-wise and segment-wise logits.

N windows, K classes, T frames.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from blocks import TimeAttentionOutput
from nas.data.audio.preprocess import Score


def frame_probabilities(
    output: TimeAttentionOutput, score: Score, valid_N: Tensor | None = None
) -> Tensor:
    """(N, K, T) float32, whose greatest over a window is the window's own probability.

    With p(t) of the segment-wise and c of the clip-wise logits: `frame_max` is p(t); `gated` their
    geometric mean, (p(t) c)^0.5; `clip` is c p(t) / max p, the course of p with c at its top.
    `valid_N` frames of each window count, the others, of the padding, are 0; None is all.
    """
    frames_NKT = logsigmoid(output.segmentwise_NKT.float())
    if valid_N is not None:
        position_T = torch.arange(frames_NKT.shape[2], device=frames_NKT.device)
        padding_N1T = position_T >= valid_N.to(frames_NKT.device)[:, None, None]
        frames_NKT = frames_NKT.masked_fill(padding_N1T, -torch.inf)
    if score == "frame_max":
        return frames_NKT.exp()
    clip_NK1 = logsigmoid(output.clipwise_NK.float())[..., None]
    if score == "gated":
        return ((frames_NKT + clip_NK1) / 2).exp()
    return (frames_NKT - frames_NKT.amax(dim=2, keepdim=True) + clip_NK1).exp()
