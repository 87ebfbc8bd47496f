"""What inference must repeat of the data pipeline, kept in the architecture file."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from nas.spec.validate import Frozen

Flag = Annotated[bool, Field(strict=True)]
ChannelValues = tuple[Annotated[float, Field(strict=True, allow_inf_nan=False)], ...]
ChannelStds = tuple[Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)], ...]


class PixelPreprocess(Frozen):
    """What pictures of every kind share: resized to the input, normalised by channel."""

    interpolation: Literal["bilinear", "bicubic", "lanczos", "nearest"] = "bilinear"
    """Resampling filter of the resize (Pillow's, antialiased)."""
    mean: ChannelValues = (0.5, 0.5, 0.5)
    """Subtracted from each channel, on the scale of 0 to 1."""
    std: ChannelStds = (0.25, 0.25, 0.25)
    """Divides each channel after the mean is subtracted, on the scale of 0 to 1."""

    @property
    def says_normalisation(self) -> bool:
        """Whether mean or std was written; otherwise both are measured on the training data."""
        return bool({"mean", "std"} & self.model_fields_set)

    def unmeasured(self) -> Self:
        """The same, mean and std to be measured on the training data."""
        return self.model_validate(self.model_dump(exclude_unset=True, exclude={"mean", "std"}))


class ImagePreprocess(PixelPreprocess):
    """From a picture file to the network's input: turned, resized to the input, normalised."""

    kind: Literal["image"] = "image"
    turn_portrait: Flag = True
    """Turn pictures that are higher than wide by 90 degrees: all then lie on their long side."""


XrayLabels = Literal["study", "opacity", "boxes"]
"""What is learned of chest X-rays: the study's four classes, whether an image has an opacity, or
where its opacities are."""


class XrayPreprocess(PixelPreprocess):
    """From an X-ray, DICOM or picture, to the network's input: grey, resized, normalised.

    A DICOM is decoded through its rescaling and its window, and inverted where low values are
    bright; then its values are spread over 0 to 255. Height and width are scaled each by itself.
    """

    kind: Literal["xray"] = "xray"
    labels: XrayLabels | None = None
    """What the classes are of: `study`, `opacity` or `boxes`; null is the task's own."""


class MelPreprocess(Frozen):
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


def _kind(value: Any) -> str:
    """Which kind a mapping or an object says it is; pictures where it says none."""
    if isinstance(value, dict):
        return str(value.get("kind", "image"))
    return str(getattr(value, "kind", "image"))


Preprocess = Annotated[
    Annotated[ImagePreprocess, Tag("image")]
    | Annotated[MelPreprocess, Tag("mel")]
    | Annotated[XrayPreprocess, Tag("xray")],
    Discriminator(_kind),
]
"""What any task keeps, told apart by `kind`."""
