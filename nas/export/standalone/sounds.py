"""All of inference on recordings: python predict_onnx.py model.onnx dawn.wav more/*.flac

Needs numpy, onnxruntime and soundfile alone, and soxr where a recording has another sample rate;
what it must know stands in the file's metadata. Prints JSON as `nas predict` does, which wrote this
program beside the file.
"""

import json
import math
import sys
from typing import Any

import numpy as np
import onnxruntime
import soundfile
from numpy.typing import NDArray

Array = NDArray[Any]
FLOOR_DB = -100.0
MIN_EVENT_S = MERGE_GAP_S = 0.2


class SoundModel:
    """The network in an ONNX file, and what the file says of it."""

    def __init__(self, path: str) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        said = self.session.get_modelmeta().custom_metadata_map
        self.classes: list[str] = json.loads(said["classes"])
        self.thresholds: dict[str, float] = json.loads(said["thresholds"])
        self.preprocess: dict[str, Any] = json.loads(said["preprocess"])
        self.normalises: bool = json.loads(said["normalises"])
        _, self.channels, self.bands, self.window = json.loads(said["inputs"])[0]["shape"]
        self.filters_FB = mel_filters(self.preprocess, self.bands)

    def predict(self, path: str) -> dict[str, Any]:
        """The score of each class in a recording, and the events."""
        samples = read_recording(path, self.preprocess["sample_rate_hz"])
        mel_FT = log_mel(samples, self.preprocess, self.filters_FB)
        mel_FT = mel_FT.astype(np.float16).astype(np.float32)  # as the network was trained
        probability_KT = self.probabilities(mel_FT)
        scores = dict(zip(self.classes, probability_KT.max(axis=1).tolist(), strict=True))
        return {"scores": scores, "events": self.events(probability_KT)}

    def probabilities(self, mel_FT: Array) -> Array:
        """(K, T): of the windows that a frame lies in, the greatest."""
        frames, overlap = mel_FT.shape[1], self.preprocess["overlap_frames"]
        found_KT = np.zeros((len(self.classes), frames), np.float32)
        for start in range(0, max(frames - overlap, 1), self.window - overlap):
            cut = mel_FT[:, start : start + self.window]
            valid = cut.shape[1]
            window = np.full((self.bands, self.window), FLOOR_DB, np.float32)
            window[:, :valid] = cut
            if not self.normalises:
                window = (window - np.float32(self.preprocess["mean"])) / np.float32(
                    self.preprocess["std"]
                )
            x_NCHW = np.repeat(window[None, None], self.channels, axis=1)
            clipwise_NK, segmentwise_NKT = self.session.run(None, {"input": x_NCHW})
            probability_KW = self.scored(clipwise_NK[0], segmentwise_NKT[0, :, :valid])
            place = found_KT[:, start : start + valid]
            np.maximum(place, probability_KW, out=place)
        return found_KT

    def scored(self, clipwise_K: Array, segmentwise_KW: Array) -> Array:
        """(K, W) probabilities of the frames of a window, as `score` says."""
        score = self.preprocess.get("score", "frame_max")
        frames_KW = -np.logaddexp(0, -segmentwise_KW)
        clip_K1 = -np.logaddexp(0, -clipwise_K)[:, None]
        if score == "gated":
            frames_KW = (frames_KW + clip_K1) / 2
        elif score == "clip":
            frames_KW = frames_KW - frames_KW.max(axis=1, keepdims=True) + clip_K1
        return np.asarray(np.exp(frames_KW))

    def events(self, probability_KT: Array) -> list[dict[str, Any]]:
        """Stretches of frames at or above the threshold, short gaps closed, short ones dropped."""
        frame_s = self.preprocess["hop_samples"] / self.preprocess["sample_rate_hz"]
        end_s = (probability_KT.shape[1] - 1) * frame_s
        events = []
        for name, row in zip(self.classes, probability_KT, strict=True):
            edges = np.diff(np.pad((row >= self.thresholds[name]).astype(np.int8), 1))
            runs: list[list[int]] = []
            starts, ends = (np.nonzero(edges == step)[0].tolist() for step in (1, -1))
            for first, end in zip(starts, ends, strict=True):
                if runs and (first - runs[-1][1]) * frame_s <= MERGE_GAP_S + 1e-9:
                    runs[-1][1] = end
                else:
                    runs.append([first, end])
            for first, end in runs:
                if (end - first) * frame_s >= MIN_EVENT_S - 1e-9:
                    onset, offset = round(first * frame_s, 3), round(min(end * frame_s, end_s), 3)
                    score = float(row[first:end].max())
                    events.append(
                        {"class": name, "onset_s": onset, "offset_s": offset, "score": score}
                    )
        return sorted(events, key=lambda event: event["onset_s"])


def read_recording(path: str, sample_rate_hz: int) -> Array:
    """Samples, float32: the mean of the channels at that rate."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    if rate_hz != sample_rate_hz:
        import soxr

        mono = soxr.resample(mono, rate_hz, sample_rate_hz, quality="HQ")
    if not len(mono):
        raise ValueError("holds no samples")
    if not np.isfinite(mono).all():
        raise ValueError("holds samples that are not finite")
    return np.asarray(mono)


def log_mel(samples: Array, preprocess: dict[str, Any], filters_FB: Array) -> Array:
    """Log-mel spectrogram in dB, (bands, frames): Hann window, frames centred."""
    length, hop = preprocess["fft_samples"], preprocess["hop_samples"]
    half = length // 2
    padded = np.pad(samples, (half, length - half))
    window = np.hanning(length + 1)[:-1].astype(np.float32)
    frames = 1 + len(samples) // hop
    mel_FT = np.empty((len(filters_FB), frames), np.float32)
    for frame in range(frames):
        spectrum = np.fft.rfft(padded[frame * hop : frame * hop + length] * window)
        mel_FT[:, frame] = filters_FB @ (spectrum.real**2 + spectrum.imag**2)
    return np.asarray(10 * np.log10(mel_FT.clip(10 ** (FLOOR_DB / 10))))


def mel_filters(preprocess: dict[str, Any], bands: int) -> Array:
    """Triangles of equal area over the Fourier bins, (bands, bins), by Slaney's scale."""
    rate_hz, length = preprocess["sample_rate_hz"], preprocess["fft_samples"]
    top_hz = preprocess["high_hz"] or rate_hz / 2
    low, high = to_mel(preprocess["low_hz"]), to_mel(top_hz)
    corners = np.array([to_hz(mel) for mel in np.linspace(low, high, bands + 2)])
    distances = corners[:, None] - np.arange(length // 2 + 1) * (rate_hz / length)
    widths = np.diff(corners)[:, None]
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    area = (corners[2:] - corners[:-2])[:, None] / 2
    return np.asarray(np.minimum(rising, falling).clip(0) / area, np.float32)


def to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) * 27 / math.log(6.4)


def to_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def main() -> None:
    """Print what is heard in each of the files."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    model = SoundModel(sys.argv[1])
    rows = []
    for path in sys.argv[2:]:
        try:
            rows.append({"file": path, **model.predict(path)})
        except Exception as error:  # of nearly every kind, where files are broken
            rows.append({"file": path, "error": str(error)})
    print(json.dumps(rows, indent=2, ensure_ascii=False))
    sys.exit(any("error" in row for row in rows))


if __name__ == "__main__":
    main()
