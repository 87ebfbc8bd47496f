"""Probabilities of frames by each score, against the formulas in plain numpy."""

from typing import get_args

import numpy as np
import pytest
import torch

from blocks import TimeAttentionOutput
from nas.data.audio.preprocess import Score
from nas.export.standalone.sounds import SoundModel
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.tasks.sed.probability import frame_probabilities
from nas.tasks.sed.requirements import mel_preprocess

FRAMES_NKT = torch.tensor([[[-1.0, 2.0, 5.0], [0.5, -300.0, 0.0]]])
CLIP_NK = torch.tensor([[1.0, -2.0]])
OUTPUT = TimeAttentionOutput(CLIP_NK, FRAMES_NKT)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.double().numpy()))


def expected(score: Score, valid: int) -> np.ndarray:
    p_KT, c_K1 = sigmoid(FRAMES_NKT)[0, :, :valid], sigmoid(CLIP_NK)[0, :, None]
    return {
        "frame_max": p_KT,
        "gated": np.sqrt(p_KT * c_K1),
        "clip": c_K1 * p_KT / p_KT.max(axis=1, keepdims=True),
    }[score]


@pytest.mark.parametrize("score", get_args(Score))
@pytest.mark.parametrize("valid", [2, 3])
def test_probabilities_are_the_formulas(score: Score, valid: int) -> None:
    found_KT = frame_probabilities(OUTPUT, score, torch.tensor([valid]))[0].numpy()
    np.testing.assert_allclose(found_KT[:, :valid], expected(score, valid), rtol=1e-5, atol=1e-30)
    assert not found_KT[:, valid:].any()
    if valid == 3:
        whole_KT = frame_probabilities(OUTPUT, score)[0].numpy()
        np.testing.assert_array_equal(whole_KT, found_KT)


@pytest.mark.parametrize("score", get_args(Score))
def test_the_program_without_nas_has_the_same(score: Score) -> None:
    program = SoundModel.__new__(SoundModel)
    program.preprocess = {"score": score}
    found_KT = program.scored(CLIP_NK[0].numpy(), FRAMES_NKT[0].numpy())
    np.testing.assert_allclose(found_KT, expected(score, 3), rtol=1e-5, atol=1e-30)


def test_a_file_that_says_no_score_has_the_one_of_its_time() -> None:
    text = """
task: sed
input: {channels: 1, height: 16, width: 64}
classes: [dog]
head: attention
preprocess: {kind: mel, mean: -40.0, std: 20.0}
layers: [{block: Conv, out: 8, kernel: 3, stride: 2}]
"""
    old = parse_architecture(text)
    assert mel_preprocess(old.preprocess).score == "frame_max"
    assert "score: frame_max" in dump_architecture(old)
    new = parse_architecture(text.replace("std: 20.0", "std: 20.0, score: gated"))
    assert mel_preprocess(new.preprocess).score == "gated"
    assert parse_architecture(dump_architecture(new)) == new
