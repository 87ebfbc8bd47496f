"""Preprocessing of recordings, which inference repeats."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nas.spec.preprocess import Preprocess

Score = Literal["frame_max", "clip", "gated"]
"""What a class's probability is made of; see `nas.tasks.sed.probability`."""


class MelPreprocess(Preprocess):
    """From a recording to the network's input: resampled, log-mel spectrogram, windows, normalised.

    The input's height is the number of mel bands, its width the frames of a window.
    """

    kind: Literal["mel"] = "mel"
    sample_rate_hz: Annotated[int, Field(strict=True, ge=1_000, le=384_000)] = 32_000
    """Rate that every recording is resampled to."""
    fft_samples: Annotated[int, Field(strict=True, ge=16, le=65_536)] = 2_048
    """Length of the Fourier transform and of its Hann window."""
    hop_samples: Annotated[int, Field(strict=True, ge=1, le=65_536)] = 512
    """Step from frame to frame: a minute at 32 kHz is 3,751 frames."""
    low_hz: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 50.0
    """Lower edge of the lowest mel band."""
    high_hz: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    """Upper edge of the highest mel band; null is half the sample rate."""
    overlap_frames: Annotated[int, Field(strict=True, ge=0, le=65_536)] = 49
    """Frames that neighbouring windows share."""
    score: Score = "frame_max"
    """Of which outputs a probability is made: those of the frames, that of the window, or both."""
    mean: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    """Subtracted from the log-mel values, in dB; null is measured on the training data."""
    std: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    """Divides them after that, in dB; null as `mean` is, and only with it."""

    @model_validator(mode="after")
    def _bands_exist(self) -> Self:
        if not self.low_hz < self.top_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"low_hz {self.low_hz:g} must lie below high_hz {self.top_hz:g}, and that at most "
                f"at half the sample rate, {self.sample_rate_hz / 2:g}"
            )
        if self.hop_samples > self.fft_samples:
            raise ValueError(
                f"hop_samples {self.hop_samples} above fft_samples {self.fft_samples} skips sound"
            )
        return self

    @model_validator(mode="after")
    def _mean_and_std_go_together(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std go together: give both, or none to have them measured")
        return self

    @property
    def top_hz(self) -> float:
        """Upper edge of the highest mel band."""
        return self.sample_rate_hz / 2 if self.high_hz is None else self.high_hz

    @property
    def frame_s(self) -> float:
        """Seconds from frame to frame."""
        return self.hop_samples / self.sample_rate_hz

    @property
    def says_normalisation(self) -> bool:
        """Whether mean and std are known; otherwise they are measured on the training data."""
        return self.mean is not None

    @property
    def normalisation(self) -> tuple[float, float]:
        """Mean and std. Raises ValueError where they are yet to be measured."""
        if self.mean is None or self.std is None:
            raise ValueError(f"mean and std are not measured yet: {self}")
        return self.mean, self.std
