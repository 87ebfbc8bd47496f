"""What inference must repeat of the data pipeline, kept in the architecture file."""

from typing import Annotated, Literal

from pydantic import Field

from nas.spec.frozen import Frozen

Flag = Annotated[bool, Field(strict=True)]
ChannelValues = tuple[Annotated[float, Field(strict=True, allow_inf_nan=False)], ...]
ChannelDeviations = tuple[Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)], ...]


class ImagePreprocess(Frozen):
    """From a picture file to the network's input: turned, resized to the input, normalised."""

    kind: Literal["image"] = "image"
    turn_portrait: Flag = True
    """Turn pictures that are higher than wide by 90 degrees: all then lie on their long side."""
    interpolation: Literal["bilinear", "bicubic", "lanczos", "nearest"] = "bilinear"
    """Resampling filter of the resize (Pillow's, antialiased)."""
    mean: ChannelValues = (0.5, 0.5, 0.5)
    """Subtracted from each channel, on the scale of 0 to 1."""
    std: ChannelDeviations = (0.25, 0.25, 0.25)
    """Divides each channel after the mean is subtracted, on the scale of 0 to 1."""

    @property
    def says_normalisation(self) -> bool:
        """Whether mean or std was written; otherwise both are measured on the training data."""
        return bool({"mean", "std"} & self.model_fields_set)


Preprocess = ImagePreprocess
"""What any task keeps: a union by `kind`, once a second task has another."""
