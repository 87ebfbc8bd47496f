"""Mixing at the last layer, and means of several networks' outputs."""

import pytest
import torch
from torch import nn

from blocks import TimeAttentionOutput
from nas.model.build import build_network
from nas.spec.architecture import parse_architecture
from nas.tasks.sed.losses import mean_outputs, mixed_outputs
from nas.tasks.sed.targets import Mix

EAR = """
task: sed
input: {channels: 1, height: 16, width: 64}
classes: [dog, hen, rain]
head: HEAD
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
"""


def network(head: str) -> nn.Module:
    torch.manual_seed(0)
    return build_network(parse_architecture(EAR.replace("HEAD", head))).eval()


def test_features_are_mixed_behind_cbam_and_before_the_rectifier() -> None:
    ear = network("cbam_attention")
    x_NCHW = torch.randn(4, 1, 16, 64)
    permutation_N = torch.tensor([2, 0, 3, 1])
    mixed = mixed_outputs(ear, x_NCHW, Mix(0.3, permutation_N, "last_layer"))
    features_NCHW = ear.head.cbam(ear.layers(x_NCHW))
    wanted = ear.head.attention(0.3 * features_NCHW + 0.7 * features_NCHW[permutation_N])
    torch.testing.assert_close(mixed.clipwise_NK, wanted.clipwise_NK)
    whole = mixed_outputs(ear, x_NCHW, Mix(1.0, permutation_N, "last_layer"))
    torch.testing.assert_close(whole.clipwise_NK, ear(x_NCHW).clipwise_NK)


@pytest.mark.parametrize("mix", [None, Mix(0.3, torch.tensor([1, 0]), "input")])
def test_inputs_that_are_mixed_already_are_left_alone(mix: Mix | None) -> None:
    ear, x_NCHW = network("attention"), torch.randn(2, 1, 16, 64)
    torch.testing.assert_close(mixed_outputs(ear, x_NCHW, mix), ear(x_NCHW))


def test_a_network_without_layers_and_head_has_no_last_layer() -> None:
    with pytest.raises(ValueError, match="no last layer to mix at in a Linear"):
        mixed_outputs(
            nn.Linear(1, 1), torch.ones(2, 1), Mix(0.5, torch.tensor([1, 0]), "last_layer")
        )


def test_the_mean_is_of_probabilities_and_stays_finite() -> None:
    def of(clip: float, segment: float) -> TimeAttentionOutput:
        return TimeAttentionOutput(torch.full((1, 1), clip), torch.full((1, 1, 2), segment))

    mean = mean_outputs([of(0.0, 100.0), of(2.0, 100.0)])
    expected = (0.5 + torch.tensor(2.0).sigmoid()) / 2
    torch.testing.assert_close(mean.clipwise_NK.sigmoid(), expected.reshape(1, 1))
    assert mean.segmentwise_NKT.isfinite().all()
