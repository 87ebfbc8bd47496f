"""The big classifiers of X-rays by name."""

from dataclasses import dataclass

from nas.errors import NasError, did_you_mean


@dataclass(frozen=True)
class Backbone:
    """A classifier of timm."""

    name: str
    """timm's."""
    weights: str
    """Name of the network that timm has published weights of: another one's where it has none."""

    def model(self, *, pretrained: bool) -> str:
        """As an architecture file's `model` names it."""
        return f"timm:{self.weights if pretrained else self.name}"


def _efficientnet(number: int) -> Backbone:
    # timm's own B6 and B7 were never trained; Google's (tf_) were, and pad as TensorFlow does
    name = f"efficientnet_b{number}"
    return Backbone(name, name if number < 6 else f"tf_{name}")


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        *(_efficientnet(number) for number in range(8)),
        Backbone("tf_efficientnetv2_s", "tf_efficientnetv2_s"),
    )
}
"""By name: those that the diary tried, and what lies between and beyond."""


def backbone_named(name: str) -> Backbone:
    """Raises NasError for a name that is not among `BACKBONES`."""
    if name not in BACKBONES:
        raise NasError(f"no backbone {name!r}{did_you_mean(name, BACKBONES)}", key="--backbone")
    return BACKBONES[name]


def substitute_note(backbone: Backbone) -> str | None:
    """That another network's weights stand in for a backbone's own; None where it has some."""
    if backbone.weights == backbone.name:
        return None
    return f"timm has no weights of {backbone.name}: {backbone.weights} is trained in its place"
