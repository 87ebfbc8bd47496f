"""The backbones of the pipeline by name, each cut where its authors cut it."""

from dataclasses import dataclass

from baselines.sed.published import published_runs
from nas.errors import NasError, did_you_mean


@dataclass(frozen=True)
class Backbone:
    """A network of timm without its pooling and classifier."""

    name: str
    model: str
    """As an architecture file's `model` names it."""
    features: int
    """Channels of the map that goes into the head."""

    @property
    def starred(self) -> bool:
        """Whether it is a member of the published ensemble."""
        return any(run.starred for run in published_runs(self.name))


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("resnet18", "timm:resnet18", 512),
        Backbone("resnest50d", "timm:resnest50d", 2048),
        Backbone("densenet121", "timm:densenet121", 1024),
        # Theirs ends before the last convolution, which would make 1,280 channels.
        Backbone("efficientnet_b0", "timm:efficientnet_b0@blocks", 320),
        Backbone("mobilenetv2_100", "timm:mobilenetv2_100", 1280),
    )
}
"""By name, in the order of the authors' own list."""


def backbone_named(name: str) -> Backbone:
    """Raises NasError for a name that is not among `BACKBONES`."""
    if name not in BACKBONES:
        raise NasError(f"no backbone {name!r}{did_you_mean(name, BACKBONES)}", key="--backbone")
    return BACKBONES[name]
