"""The loss of partly known labels: values by hand, gradients, the seeds' own formula."""

import math

import pytest
import torch
from torch import Tensor, nn

from blocks import TimeAttentionOutput
from nas.tasks.sed.losses import KnownLabelLoss, KnownLabelLossSpec, decay_weights, soft_f1_loss
from nas.tasks.sed.targets import Mix, WindowTargets

LOGITS = torch.tensor([[0.3, -1.2, 2.0], [1.5, 0.1, -0.4], [-2.0, 0.8, 0.2], [0.9, -0.6, 1.1]])
LABELS = torch.tensor([[1.0, 0, -1], [1, -1, 0], [0, 0, 0], [1, 1, -1]])


def loss_of(
    logits: Tensor = LOGITS, labels: Tensor = LABELS, mix: Mix | None = None, **settings: object
) -> Tensor:
    outputs = TimeAttentionOutput(logits, logits[:, :, None])
    spec = KnownLabelLossSpec.model_validate(settings)
    return KnownLabelLoss(spec)(outputs, WindowTargets(labels, mix))


def probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def pair_losses(gamma: float = 0.0) -> list[float]:
    """Loss of each known pair, from the definition, window by window."""
    losses = []
    for logits, labels in zip(LOGITS.tolist(), LABELS.tolist(), strict=True):
        for logit, label in zip(logits, labels, strict=True):
            p = probability(logit) if label > 0 else 1 - probability(logit)
            if label:
                losses.append(-((1 - p) ** gamma) * math.log(p))
    return losses


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_is_the_mean_over_the_known_pairs(gamma: float) -> None:
    kind = {"kind": "known_focal", "focal_gamma": gamma} if gamma else {}
    assert loss_of(**kind).item() == pytest.approx(sum(pair_losses(gamma)) / 7, rel=1e-5)


def test_agrees_with_the_published_second_stage() -> None:
    # seed 003, `rfcx_2nd_criterion`: a sum there
    posi, nega = (LABELS == 1).float(), (LABELS == -1).float()
    criterion = nn.BCEWithLogitsLoss(reduction="none")
    published = (criterion(LOGITS, torch.ones(4, 3)) * posi).sum() + (
        criterion(LOGITS, torch.zeros(4, 3)) * nega
    ).sum()
    assert loss_of().item() == pytest.approx(published.item() / 7)


@pytest.mark.parametrize("kind", ["known_bce", "known_focal"])
def test_unknown_pairs_have_no_gradient_and_known_ones_the_right_sign(kind: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    loss_of(logits, kind=kind, positive_decay=0.5, f1_weight=0.3).backward()
    assert torch.equal(logits.grad.sign(), -LABELS)


def test_a_batch_that_knows_nothing_has_loss_zero_and_gradient_zero() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = loss_of(logits, torch.zeros(4, 3), kind="known_focal", positive_decay=0.5, f1_weight=1.0)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(4, 3))


def test_positive_losses_of_a_class_fall_off_from_the_greatest() -> None:
    d = 0.5
    losses = [[-math.log(probability(x)) for x in column] for column in LOGITS.T.tolist()]
    first = sorted((losses[0][0], losses[0][1], losses[0][3]), reverse=True)
    expected = first[0] + d * first[1] + d * d * first[2] + losses[1][3]
    absent = (LOGITS[0, 2], LOGITS[1, 1], LOGITS[3, 2])
    expected += sum(-math.log(1 - probability(logit.item())) for logit in absent)
    assert loss_of(positive_decay=d).item() == pytest.approx(expected / 7, rel=1e-5)


def test_decay_weights_by_hand() -> None:
    losses = torch.tensor([[0.1, 0.0], [0.9, 3.0], [0.5, 2.0], [7.0, 1.0]])
    positive = torch.tensor([[True, False], [True, False], [True, True], [False, True]])
    expected = torch.tensor([[0.25, 1], [1, 1], [0.5, 1], [1, 0.5]])
    assert torch.equal(decay_weights(losses, positive, 0.5), expected)


def test_a_decay_of_one_changes_nothing() -> None:
    assert loss_of(positive_decay=1.0).item() == loss_of().item()


def test_the_weight_of_a_mix_and_its_partners() -> None:
    mix = Mix(0.3, torch.tensor([2, 0, 3, 1]), "input")
    expected = 0.3 * loss_of() + 0.7 * loss_of(labels=LABELS[mix.permutation_N])
    assert loss_of(mix=mix).item() == pytest.approx(expected.item())


def test_a_mix_of_known_labels_is_the_cross_entropy_of_mixed_labels() -> None:
    labels = torch.where(LABELS > 0, 1.0, -1.0)
    mix = Mix(0.2, torch.tensor([1, 2, 3, 0]), "last_layer")
    mixed = mix((labels > 0).float())  # seed 001: y_mixup
    expected = nn.functional.binary_cross_entropy_with_logits(LOGITS, mixed)
    assert loss_of(labels=labels, mix=mix).item() == pytest.approx(expected.item(), rel=1e-5)


def test_soft_f1_by_hand() -> None:
    # class 0: known windows 0, 1, 3, all present; class 1: windows 1 and 3, the latter present;
    # class 2: no positive, left out
    p0, p1, p3 = (probability(x) for x in (0.3, 1.5, 0.9))
    first = 2 * (p0 + p1 + p3) / (p0 + p1 + p3 + 3)
    hit, false = probability(-0.6), probability(0.1)
    second = 2 * hit / (hit + false + 1)
    expected = 1 - (first + second) / 2
    assert soft_f1_loss(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-5)
    assert loss_of(f1_weight=0.4).item() == pytest.approx(loss_of().item() + 0.4 * expected)


def test_soft_f1_of_certain_answers_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (40, 3), generator=generator) * 2 - 1
    said = torch.randint(0, 2, (40, 3), generator=generator)
    loss = soft_f1_loss(60.0 * (2 * said - 1).double(), labels.double())
    expected = 1 - f1_score((labels > 0).numpy(), said.numpy(), average="macro")
    assert loss.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", ["known_bce", "known_focal"])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_certain_answers_have_finite_gradients(kind: str, gamma: float) -> None:
    logits = (80 * LABELS).requires_grad_()
    loss = loss_of(logits, kind=kind, focal_gamma=gamma, positive_decay=0.5, f1_weight=1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("settings", [{}, {"kind": "known_focal"}, {"f1_weight": 0.7}])
def test_gradients_by_finite_differences(settings: dict[str, object]) -> None:
    def of_logits(logits: Tensor) -> Tensor:
        return loss_of(logits, **settings).double()

    logits, step = LOGITS.clone().requires_grad_(), 1e-2
    of_logits(logits).backward()
    for place in ((0, 0), (1, 1), (3, 2), (2, 0)):
        change = torch.zeros(4, 3)
        change[place] = step
        slope = (of_logits(LOGITS + change) - of_logits(LOGITS - change)) / (2 * step)
        assert logits.grad[place].item() == pytest.approx(slope.item(), abs=1e-4)


def test_half_precision_outputs_are_computed_in_float32() -> None:
    loss = loss_of(LOGITS.bfloat16())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(loss_of(LOGITS.bfloat16().float()).item())
