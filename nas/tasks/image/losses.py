"""Losses of a classifier with one label a sample. N samples, K classes."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nas.spec.training import TaskLoss


class LossSpec(TaskLoss):
    """Loss of a classifier: a weighted sum of one term and the soft macro-F1 loss.

    The term is cross-entropy, its focal form, or binary cross-entropy of each class against the
    rest.
    """

    kind: Literal["cross_entropy", "cross_entropy_f1", "focal", "focal_f1", "bce", "bce_f1"] = (
        "cross_entropy_f1"
    )
    """Terms of the loss."""
    cross_entropy_weight: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.25
    """Weight of the first term relative to the F1 term."""
    label_smoothing: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.0
    """Share of the target spread over all classes."""
    focal_gamma: Annotated[float, Field(strict=True, ge=0, le=10)] = 2.0
    """Exponent of the focal loss (Lin et al. 2017, eq. 4)."""


def soft_macro_f1_loss(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """1 minus the mean F1 of the classes in the batch, counted with softmax probabilities.

    F1 of class k is 2 TP / (2 TP + FP + FN) with TP the sum of p_k over its own samples; since
    2 TP + FP + FN = sum(p_k) + n_k, it is smooth and 1 only for certain, right predictions.
    A class without samples in the batch has TP = 0 whatever is predicted: its F1 has no gradient,
    and it is left out of the mean, so that a right batch has loss 0.
    """
    probabilities_NK = logits_NK.softmax(dim=1)
    targets_NK = functional.one_hot(labels_N, logits_NK.shape[1]).to(probabilities_NK.dtype)
    hits_K = (probabilities_NK * targets_NK).sum(dim=0)
    samples_K = targets_NK.sum(dim=0)
    f1_K = 2 * hits_K / (probabilities_NK.sum(dim=0) + samples_K)
    present = (samples_K > 0).sum()
    return 1 - f1_K.sum() / present  # absent classes add exactly 0 to the sum


def focal_loss(logits_NK: Tensor, labels_N: Tensor, gamma: float) -> Tensor:
    """Mean of -(1 - p)^gamma log p, p the label's probability.

    Source: Lin et al. 2017, arXiv:1708.02002, eq. 4.
    """
    log_p_N = logits_NK.log_softmax(dim=1).gather(1, labels_N[:, None]).squeeze(1)
    # The bound keeps the power's gradient finite at p = 1 for gamma < 1.
    missed_N = (-log_p_N.expm1()).clamp(min=1e-12)
    return (-(missed_N**gamma) * log_p_N).mean()


def binary_cross_entropy(logits_NK: Tensor, labels_N: Tensor, label_smoothing: float) -> Tensor:
    """Binary cross-entropy of each class against the rest, mean over samples and classes.

    Smoothed targets are 1 - s + s / K and s / K, as cross-entropy has them.
    """
    targets_NK = functional.one_hot(labels_N, logits_NK.shape[1]).to(logits_NK.dtype)
    targets_NK = targets_NK.lerp(targets_NK.new_tensor(1 / logits_NK.shape[1]), label_smoothing)
    return functional.binary_cross_entropy_with_logits(logits_NK, targets_NK)


def softened_divergence(logits_NK: Tensor, teacher_NK: Tensor, temperature: float) -> Tensor:
    """Mean over samples of KL(q || p) T^2, p and q the softmax of the network's and the teacher's
    logits over T.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    log_p_NK = (logits_NK.float() / temperature).log_softmax(dim=1)
    log_q_NK = (teacher_NK.float() / temperature).log_softmax(dim=1)
    divergence = functional.kl_div(log_p_NK, log_q_NK, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def bernoulli_divergence(logits: Tensor, teacher: Tensor) -> Tensor:
    """KL(q || p) of each element, p and q the sigmoid of the network's and the teacher's logits."""
    q = teacher.sigmoid()
    return q * (functional.logsigmoid(teacher) - functional.logsigmoid(logits)) + (1 - q) * (
        functional.logsigmoid(-teacher) - functional.logsigmoid(-logits)
    )


class ClassifierLoss(nn.Module):
    """The loss of a `LossSpec`: one term, or `cross_entropy_weight` times it plus soft F1."""

    def __init__(self, spec: LossSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, logits_NK: Tensor, labels_N: Tensor) -> Tensor:
        logits_NK = logits_NK.float()
        spec = self.spec
        if spec.kind in ("focal", "focal_f1"):
            term = focal_loss(logits_NK, labels_N, spec.focal_gamma)
        elif spec.kind in ("bce", "bce_f1"):
            term = binary_cross_entropy(logits_NK, labels_N, spec.label_smoothing)
        else:
            term = functional.cross_entropy(
                logits_NK, labels_N, label_smoothing=spec.label_smoothing
            )
        if spec.kind in ("cross_entropy", "focal", "bce"):
            return term
        return spec.cross_entropy_weight * term + soft_macro_f1_loss(logits_NK, labels_N)
