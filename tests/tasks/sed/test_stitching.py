"""Windows laid over their recordings again: a hand-worked case."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from blocks import TimeAttentionOutput
from nas.metrics.events import Event
from nas.tasks.sed.prediction import EvaluationTargets, stitch
from nas.tasks.sed.targets import WindowBatch

from .made_recordings import CLASSES, FRAME_S, recording, recording_set

WINDOW = 4


def windows_of(recordings, places, probabilities):
    """Outputs and targets of windows at (recording, start), one probability a class.

    The "labels" are 0, the recording and the start.
    """
    items = recordings.recordings
    valid = [min(WINDOW, items[position].frames - start) for position, start in places]
    labels_NK = torch.zeros(len(places), len(CLASSES), dtype=torch.int8)
    labels_NK[:, 1] = recording_N = torch.tensor(places)[:, 0]
    labels_NK[:, 2] = start_N = torch.tensor(places)[:, 1]
    segment_NKW = torch.tensor(probabilities).logit()[..., None].expand(-1, -1, WINDOW).clone()
    targets = WindowBatch(recording_N, start_N, torch.tensor(valid), labels_NK, WINDOW)
    output = TimeAttentionOutput(segment_NKW.mean(2), segment_NKW)
    return output, EvaluationTargets(recordings, targets)


def test_overlapping_windows_give_their_greatest_probability_and_padding_none() -> None:
    recordings = recording_set(recording("a", 6, positive=[(0, 0, 1)], negative=[(1, 4, 6)]))
    first = windows_of(recordings, [(0, 0)], [[0.2, 0.9, 0.5]])
    output, targets = windows_of(recordings, [(0, 3)], [[0.7, 0.1, 0.5]])
    output.segmentwise_NKT[..., 3] = 9.0  # a padded frame, beyond the recording
    (result,) = stitch([first, (output, targets)], "frame_max")
    assert_allclose(result.probability_KT[0], [0.2, 0.2, 0.2, 0.7, 0.7, 0.7], rtol=1e-6)
    assert_allclose(result.probability_KT[1], [0.9, 0.9, 0.9, 0.9, 0.1, 0.1], rtol=1e-6)
    assert_allclose(result.window_scores_NK, [[0.2, 0.9, 0.5], [0.7, 0.1, 0.5]], rtol=1e-6)
    assert_array_equal(result.window_labels_NK, [[0, 0, 0], [0, 0, 3]])
    assert_allclose(result.scores_K, [0.7, 0.9, 0.5], rtol=1e-6)


def test_windows_of_a_batch_go_to_their_own_recordings() -> None:
    recordings = recording_set(recording("a", 4), recording("b", 4), complete=True)
    batch = windows_of(recordings, [(1, 0), (0, 0)], [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    a, b = stitch([batch], "frame_max")
    assert (a.id, b.id) == ("a", "b")
    assert_allclose(a.scores_K, [0.4, 0.5, 0.6], rtol=1e-6)
    assert_allclose(b.scores_K, [0.1, 0.2, 0.3], rtol=1e-6)
    assert_array_equal(a.window_labels_NK, [[0, 0, 0]])
    assert_array_equal(b.window_labels_NK, [[0, 1, 0]])


def test_a_recording_keeps_its_events_as_the_table_has_them() -> None:
    touching = recording("a", 4, positive=[(2, 0, 1), (2, 1, 3)])
    recordings = recording_set(touching, complete=True)
    (result,) = stitch([windows_of(recordings, [(0, 0)], [[0.1, 0.2, 0.3]])], "frame_max")
    assert result.events == (
        Event(2, 0.0, pytest.approx(FRAME_S)),
        Event(2, pytest.approx(FRAME_S), pytest.approx(3 * FRAME_S)),
    )


def test_missing_windows_and_steps_of_another_length_are_refused() -> None:
    recordings = recording_set(recording("a", 4), recording("b", 4))
    output, targets = windows_of(recordings, [(0, 0)], [[0.1, 0.2, 0.3]])
    with pytest.raises(ValueError, match="no windows of the recordings b"):
        stitch([(output, targets)], "frame_max")
    with pytest.raises(ValueError, match="no batches"):
        stitch([], "frame_max")
    short = output._replace(segmentwise_NKT=output.segmentwise_NKT[..., :2])
    with pytest.raises(ValueError, match="2 values for 4 frames"):
        stitch([(short, targets)], "frame_max")


def test_the_mean_of_a_recording_is_not_touched_by_the_order_of_batches() -> None:
    recordings = recording_set(recording("a", 6))
    one = windows_of(recordings, [(0, 0)], [[0.2, 0.9, 0.5]])
    two = windows_of(recordings, [(0, 3)], [[0.7, 0.1, 0.5]])
    (forward,), (backward,) = stitch([one, two], "gated"), stitch([two, one], "gated")
    assert np.array_equal(forward.probability_KT, backward.probability_KT)
