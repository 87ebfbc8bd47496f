"""Losses: gradients by finite differences, values by hand, limits."""

import math

import pytest
import torch
from torch.nn import functional

from nas.tasks.image.losses import ClassifierLoss, LossSpec, focal_loss, soft_macro_f1_loss

LABELS = torch.tensor([0, 1, 1, 3])


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log()


def test_soft_f1_by_hand() -> None:
    logits = logits_of([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    # class 0: TP .8, sum p 1.5, n 1 -> 1.6 / 2.5; class 1: TP 1.3, sum p 1.5, n 2 -> 2.6 / 3.5
    expected = 1 - (1.6 / 2.5 + 2.6 / 3.5) / 2
    assert soft_macro_f1_loss(logits, torch.tensor([0, 1, 1])).item() == pytest.approx(expected)


def test_soft_f1_leaves_absent_classes_out() -> None:
    logits = logits_of([[0.7, 0.2, 0.1]])
    expected = 1 - 1.4 / 1.7
    assert soft_macro_f1_loss(logits, torch.tensor([0])).item() == pytest.approx(expected)


def test_soft_f1_goes_from_one_to_zero() -> None:
    right = 50 * functional.one_hot(LABELS, 4).double()
    assert soft_macro_f1_loss(right, LABELS).item() == pytest.approx(0, abs=1e-9)
    assert soft_macro_f1_loss(right.roll(1, dims=1), LABELS).item() == pytest.approx(1, abs=1e-9)


def test_soft_f1_of_certain_predictions_is_the_hard_one() -> None:
    from nas.metrics.f1 import per_class_f1

    labels, predictions = torch.tensor([0, 0, 1, 1, 2]), torch.tensor([0, 1, 1, 2, 2])
    logits = 60 * functional.one_hot(predictions, 3).double()
    expected = 1 - per_class_f1(labels.numpy(), predictions.numpy(), 3).mean()
    assert soft_macro_f1_loss(logits, labels).item() == pytest.approx(expected, abs=1e-9)


def test_focal_by_hand_and_at_gamma_zero() -> None:
    logits = logits_of([[0.8, 0.2], [0.4, 0.6]])
    labels = torch.tensor([0, 0])
    expected = -(0.2**2 * math.log(0.8) + 0.6**2 * math.log(0.4)) / 2
    assert focal_loss(logits, labels, 2.0).item() == pytest.approx(expected)
    torch.testing.assert_close(
        focal_loss(logits, labels, 0.0), functional.cross_entropy(logits, labels)
    )


@pytest.mark.parametrize("loss", [soft_macro_f1_loss, lambda x, y: focal_loss(x, y, 2.0)])
def test_gradients(loss) -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, LABELS), (logits,))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_stays_finite_for_certain_predictions(gamma: float) -> None:
    logits = (200 * functional.one_hot(LABELS, 4).float()).requires_grad_()
    focal_loss(logits, LABELS, gamma).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_seeds_sum() -> None:
    torch.manual_seed(1)
    logits = torch.randn(4, 4)
    loss = ClassifierLoss(LossSpec(kind="cross_entropy_f1", cross_entropy_weight=0.25))
    expected = 0.25 * functional.cross_entropy(logits, LABELS) + soft_macro_f1_loss(logits, LABELS)
    torch.testing.assert_close(loss(logits, LABELS), expected)


def test_kinds_that_stand_alone_are_not_weighted() -> None:
    torch.manual_seed(1)
    logits = torch.randn(4, 4)
    smooth = ClassifierLoss(LossSpec(kind="cross_entropy", label_smoothing=0.1))
    focal = ClassifierLoss(LossSpec(kind="focal", focal_gamma=1.5))
    both = ClassifierLoss(LossSpec(kind="focal_f1", focal_gamma=1.5, cross_entropy_weight=0.5))
    torch.testing.assert_close(
        smooth(logits, LABELS), functional.cross_entropy(logits, LABELS, label_smoothing=0.1)
    )
    torch.testing.assert_close(focal(logits, LABELS), focal_loss(logits, LABELS, 1.5))
    torch.testing.assert_close(
        both(logits, LABELS), 0.5 * focal(logits, LABELS) + soft_macro_f1_loss(logits, LABELS)
    )


def test_binary_cross_entropy_by_hand() -> None:
    p = [0.7, 0.2, 0.4]  # of each class by itself: they need not sum to 1
    logits = torch.tensor([p], dtype=torch.float64).logit().float()
    label = torch.tensor([0])
    expected = -(math.log(0.7) + math.log(0.8) + math.log(0.6)) / 3
    plain = ClassifierLoss(LossSpec(kind="bce"))(logits, label)
    assert plain.item() == pytest.approx(expected, rel=1e-5)
    both = ClassifierLoss(LossSpec(kind="bce_f1", cross_entropy_weight=0.5))(logits, label)
    torch.testing.assert_close(both, 0.5 * plain + soft_macro_f1_loss(logits, label))


def test_binary_cross_entropy_smooths_its_targets() -> None:
    logits, label = torch.tensor([[1.0, -2.0]]), torch.tensor([1])
    smooth = ClassifierLoss(LossSpec(kind="bce", label_smoothing=0.2))(logits, label)
    targets = torch.tensor([[0.1, 0.9]])
    torch.testing.assert_close(smooth, functional.binary_cross_entropy_with_logits(logits, targets))


def test_half_precision_is_summed_in_float32() -> None:
    torch.manual_seed(2)
    logits = torch.randn(4, 4).bfloat16()
    loss = ClassifierLoss(LossSpec())(logits, LABELS)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, ClassifierLoss(LossSpec())(logits.float(), LABELS))
