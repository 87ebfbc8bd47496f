"""Batches of windows: which are drawn, where they lie, what they hold, what is known of them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.audio.augment import SpectrogramAugmentSpec
from nas.data.audio.dataset import RecordingSet
from nas.data.audio.mel import FLOOR_DB
from nas.data.audio.preprocess import MelPreprocess
from nas.data.augment import AugmentSpec
from nas.errors import NasError
from nas.spec.architecture import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.sed.batches import evaluation_batches, steps_per_epoch, train_batches
from nas.tasks.sed.targets import WindowTargets
from nas.tasks.sed.windows import known_windows, window_labels, window_starts
from tests.tasks.sed.made_recordings import recording, recording_set

CPU = torch.device("cpu")
WINDOW, OVERLAP = 16, 4
PREPROCESS = MelPreprocess(overlap_frames=OVERLAP, mean=-10.0, std=5.0)
FRAME_S = PREPROCESS.frame_s
LEAST_FRAMES = 16
"""A quarter of a second."""
INPUT = InputSpec(channels=1, height=4, width=WINDOW)
SHIFT_ONLY = SpectrogramAugmentSpec(
    time_shift=0.5, frequency_masks=0, time_masks=0, gain_db=0.0, noise_db=0.0
)
RECORDINGS = recording_set(
    recording("a", 70, positive=[(0, 2, 6), (1, 30, 33)], negative=[(2, 60, 64)]),
    recording("b", 40, negative=[(0, 13, 15)], offset=-100),
    recording("c", 9, positive=[(2, 0, 9)], offset=-200),
    recording("d", 30, offset=-300),
)


def values(x_NCHW: Tensor) -> Tensor:
    """Value in dB of the first band of each window (N, W)."""
    return x_NCHW[:, 0, 0] * PREPROCESS.std + PREPROCESS.mean


def place_of(values_W: Tensor) -> tuple[int, int]:
    """Recording and first frame of a window, from its first value (see `recording`)."""
    first = -float(values_W[0])
    return int(first // 100), round(first % 100 * 4)


def drawn(
    recordings: RecordingSet = RECORDINGS, seed: int = 0, **settings: object
) -> Iterator[tuple[Tensor, WindowTargets]]:
    training = TrainingSpec(batch_size=2, sampler="none", augment=SHIFT_ONLY)
    training = training.model_copy(update=settings)
    generator = torch.Generator().manual_seed(seed)
    return train_batches(recordings, PREPROCESS, INPUT, training, generator, CPU)


def places_drawn(**settings: object) -> list[tuple[int, int]]:
    return [place_of(row) for x, _ in drawn(**settings) for row in values(x)]


def test_only_windows_with_a_known_label_are_drawn_each_once() -> None:
    # Windows begin at 0, 12, 24, ...: those of "a" at 0, 24, 48 and 60 know something (the one
    # at 12 ends at 28), of "b" 0 and 12, of "c" 0.
    windows = known_windows(RECORDINGS, WINDOW, OVERLAP, FRAME_S)
    expected = {(0, 0), (0, 24), (0, 48), (0, 60), (1, 0), (1, 12), (2, 0)}
    assert windows.starts == tuple(sorted(expected))
    places = places_drawn(augment=None, batch_size=7)
    assert sorted(places) == sorted(expected)
    assert places != sorted(places)


def test_a_complete_set_knows_every_window() -> None:
    complete = recording_set(*RECORDINGS.recordings, complete=True)
    windows = known_windows(complete, WINDOW, OVERLAP, FRAME_S)
    grids = [window_starts(item.frames, WINDOW, OVERLAP) for item in complete.recordings]
    assert len(windows) == sum(map(len, grids))


def test_groups_are_the_rarest_present_class_and_one_for_none() -> None:
    recordings = recording_set(
        recording("a", 100, positive=[(0, 0, 100), (1, 0, 2), (2, 0, 30)], negative=[(1, 90, 92)]),
        recording("b", 16, negative=[(2, 0, 4)]),
    )
    windows = known_windows(recordings, WINDOW, OVERLAP, FRAME_S)
    # class 0 is in all eight windows of "a", 2 in those at 0 and 12 (of the one at 24 it has six
    # frames, less than a quarter of a second), 1 in the first
    assert windows.group_N.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 3]


def test_too_few_known_windows_are_refused() -> None:
    lonely = recording_set(recording("a", 16, positive=[(0, 2, 6)]), recording("b", 60))
    with pytest.raises(NasError, match="known label: 1; training needs at least 2"):
        known_windows(lonely, WINDOW, OVERLAP, FRAME_S)


@pytest.mark.parametrize("batch_size", [2, 3, 4, 7, 50])
def test_as_many_batches_as_said_without_a_last_one_of_one_window(batch_size: int) -> None:
    training = TrainingSpec(batch_size=batch_size, augment=SHIFT_ONLY)
    sizes = [len(x) for x, _ in drawn(batch_size=batch_size)]
    assert len(sizes) == steps_per_epoch(RECORDINGS, PREPROCESS, INPUT, training)
    assert min(sizes) > 1
    assert sum(sizes) == (6 if batch_size in (2, 3) else 7)


def test_a_shift_moves_windows_and_labels_along_and_stays_in_reach() -> None:
    grid = {0: (0, 24, 48, 60), 1: (0, 12), 2: (0,)}
    seen = set()
    for seed in range(60):
        for x, targets in drawn(seed=seed):
            for row, labels_K in zip(values(x), targets.labels_NK, strict=True):
                position, start = place_of(row)
                item = RECORDINGS.recordings[position]
                assert min(abs(start - other) for other in grid[position]) <= WINDOW / 2
                assert start <= window_starts(item.frames, WINDOW, OVERLAP)[-1]
                cut_W = item.mel_FT[0, start : start + WINDOW]
                missing = WINDOW - len(cut_W)
                expected_W = np.pad(cut_W, (0, missing), constant_values=FLOOR_DB)
                assert torch.allclose(row, torch.from_numpy(expected_W).float(), atol=1e-4)
                known_K = window_labels(
                    item.labels_KT, start, WINDOW, complete=False, least_frames=LEAST_FRAMES
                )
                assert np.array_equal(labels_K.numpy(), known_K)
                assert known_K.any()
                seen.add((position, start))
    assert len(seen) > 40


def test_without_augmentation_nothing_moves_or_changes() -> None:
    first, second = (list(drawn(seed=5, augment=None)) for _ in range(2))
    for (x, targets), (again, _) in zip(first, second, strict=True):
        assert torch.equal(x, again)
        assert targets.mix is None
        assert all(place_of(row)[1] % (WINDOW - OVERLAP) == 0 for row in values(x))


def test_the_generator_alone_decides() -> None:
    everything = SpectrogramAugmentSpec(mixup="input", mixup_alpha=1.0)
    first = [x for x, _ in drawn(seed=3, augment=everything)]
    torch.rand(3)
    np.random.default_rng().random()
    again = [x for x, _ in drawn(seed=3, augment=everything)]
    other = [x for x, _ in drawn(seed=4, augment=everything)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_inverse_sampling_draws_classes_and_windows_without_one_alike() -> None:
    recordings = recording_set(
        recording("a", 1600, positive=[(0, 0, 1600)]),
        recording("b", 160, positive=[(1, 0, 160)], offset=-500),
        recording("c", 16, negative=[(1, 0, 4)], offset=-600),
    )
    drawn_labels = torch.cat(
        [
            targets.labels_NK
            for seed in range(10)
            for _, targets in drawn(recordings, seed, sampler="inverse", batch_size=64)
        ]
    )
    shares = (
        torch.stack([drawn_labels[:, 0] > 0, drawn_labels[:, 1] > 0, drawn_labels[:, 1] < 0])
        .float()
        .mean(dim=1)
    )
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.05)


def test_mixing_inputs_is_the_weighted_sum_of_pairs() -> None:
    mixed = SHIFT_ONLY.model_copy(update={"time_shift": 0.0, "mixup": "input", "mixup_alpha": 1.0})
    last = mixed.model_copy(update={"mixup": "last_layer"})
    inputs = list(drawn(augment=mixed, batch_size=4))
    features = list(drawn(augment=last, batch_size=4))
    for (x, targets), (plain, kept) in zip(inputs, features, strict=True):
        mix = targets.mix
        assert mix is not None
        assert kept.mix is not None
        assert (mix.level, kept.mix.level) == ("input", "last_layer")
        assert mix.weight == kept.mix.weight
        partner = plain[mix.permutation_N]
        assert sorted(mix.permutation_N.tolist()) == list(range(len(x)))
        assert torch.allclose(x, mix.weight * plain + (1 - mix.weight) * partner, atol=1e-5)
        assert torch.allclose(kept.mix(plain), x, atol=1e-5)
        assert torch.equal(targets.labels_NK, kept.labels_NK)  # of the windows themselves


def test_weights_of_a_mix_are_drawn_from_the_beta_distribution() -> None:
    from scipy.stats import beta, kstest

    mixed = SHIFT_ONLY.model_copy(update={"mixup": "input", "mixup_alpha": 0.4})
    weights = [
        targets.mix.weight
        for seed in range(100)
        for _, targets in drawn(seed=seed, augment=mixed)
        if targets.mix
    ]
    assert kstest(weights, beta(0.4, 0.4).cdf).pvalue > 0.01


def test_augmentation_of_pictures_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="augmentation of windows"):
        next(drawn(augment=AugmentSpec()))


@pytest.mark.parametrize("channels", [1, 3])
def test_inputs_are_normalised_planes_in_channels_last(channels: int) -> None:
    input_spec = InputSpec(channels=channels, height=4, width=WINDOW)
    x, _ = next(evaluation_batches(RECORDINGS, PREPROCESS, input_spec, CPU))
    assert x.shape[1:] == (channels, 4, WINDOW)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert x[0, 0, 0, 8].item() == pytest.approx((-2 + 10) / 5)


def test_evaluation_covers_every_frame_in_order_with_its_labels() -> None:
    batches = list(evaluation_batches(RECORDINGS, PREPROCESS, INPUT, CPU))
    mels = [np.full_like(item.mel_FT[:1], np.nan) for item in RECORDINGS.recordings]
    labels = {}
    places = []
    for x, targets in batches:
        rows = torch.stack([targets.recording_N, targets.start_N, targets.valid_N], 1).tolist()
        for row, label_K, (position, start, valid) in zip(
            values(x), targets.labels_NK.tolist(), rows, strict=True
        ):
            places.append((position, start))
            assert valid == min(WINDOW, RECORDINGS.recordings[position].frames - start)
            mels[position][0, start : start + valid] = row[:valid]
            labels[position, start] = label_K
            assert torch.allclose(row[valid:], torch.tensor(FLOOR_DB), atol=1e-4)
    assert places == sorted(places)
    for item, mel_FT in zip(RECORDINGS.recordings, mels, strict=True):
        assert np.allclose(mel_FT[0], item.mel_FT[0], atol=0.1)
    known = {place: label_K for place, label_K in labels.items() if any(label_K)}
    assert known == {
        (0, 0): [1, 0, 0],
        (0, 24): [0, 1, 0],
        (0, 48): [0, 0, -1],
        (0, 60): [0, 0, -1],
        (1, 0): [-1, 0, 0],
        (1, 12): [-1, 0, 0],
        (2, 0): [0, 0, 1],
    }


def test_a_window_that_cuts_a_call_short_neither_has_nor_lacks_it() -> None:
    # Windows begin at 0, 12 and 24: the first and the last have six frames of it, 0.096 s.
    for complete in (False, True):
        recordings = recording_set(
            recording("a", 40, positive=[(0, 10, 30)], negative=[(1, 0, 40)]), complete=complete
        )
        windows = known_windows(recordings, WINDOW, OVERLAP, FRAME_S)
        ((_, targets),) = evaluation_batches(recordings, PREPROCESS, INPUT, CPU)
        for labels_NK in (targets.labels_NK, np.stack([*map(windows.labels_at, windows.starts)])):
            assert labels_NK[:, 0].tolist() == [0, 1, 0]
            assert labels_NK[:, 1].tolist() == [-1, -1, -1]


def test_a_minute_is_the_eight_windows_of_the_seeds() -> None:
    minute = recording_set(recording("m", 3751, positive=[(0, 0, 9)]))
    input_spec = InputSpec(channels=1, height=4, width=512)
    preprocess = MelPreprocess(mean=-40.0, std=20.0)
    (x, targets), *rest = evaluation_batches(minute, preprocess, input_spec, CPU)
    assert rest == []
    assert targets.start_N.tolist() == [0, 463, 926, 1389, 1852, 2315, 2778, 3241]
    assert targets.valid_N.tolist() == [512] * 7 + [510]
    assert len(x) == 8


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gets_the_same_windows_labels_and_mixes() -> None:
    mixed = SHIFT_ONLY.model_copy(update={"mixup": "input"})
    training = TrainingSpec(batch_size=3, augment=mixed)

    def epoch(device: torch.device) -> list[tuple[Tensor, WindowTargets]]:
        generator = torch.Generator().manual_seed(0)
        return list(train_batches(RECORDINGS, PREPROCESS, INPUT, training, generator, device))

    for (x, targets), (on_cpu, same) in zip(epoch(torch.device("cuda")), epoch(CPU), strict=True):
        torch.testing.assert_close(x.cpu(), on_cpu)
        assert torch.equal(targets.labels_NK.cpu(), same.labels_NK)
