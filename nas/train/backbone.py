"""A finished classifier's weights as the beginning of a detector's backbone."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nas.errors import NasError
from nas.train.trained import WEIGHTS_FILE

PREFIXES = ("", "features.")
"""Before the names of a classifier's features: none of timm and of ResNets, else torchvision's."""


def load_backbone(network: nn.Module, run: Path) -> int:
    """Fill the backbone of a detector in place from a finished run; how many tensors were taken.

    Raises NasError for a run whose network is another, and for a detector without a backbone.
    """
    backbone = getattr(network, "backbone", None)
    if not isinstance(backbone, nn.Module):
        raise NasError(f"a {type(network).__name__} has no backbone to fill", key="--backbone-from")
    given = _state(run)
    own = backbone.state_dict()
    prefix = max(PREFIXES, key=lambda text: len(_fitting(own, given, text)))
    found = _fitting(own, given, prefix)
    foreign = [name for name in own if name not in found] or _more(own, given, prefix)
    if foreign:
        raise NasError(
            f"the network there is another: {len(foreign)} tensors are in one of the two only, or "
            f"have other shapes, first {foreign[0]!r}",
            file=run,
            key="--backbone-from",
        )
    with torch.no_grad():
        backbone.load_state_dict(found)
    return len(found)


def _state(run: Path) -> dict[str, Tensor]:
    try:
        return load_file(run / WEIGHTS_FILE)
    except FileNotFoundError:
        raise NasError("no weights in it; is the run finished?", file=run) from None
    except (OSError, SafetensorError) as error:
        raise NasError(f"damaged weights: {error}", file=run / WEIGHTS_FILE) from error


def _fitting(own: dict[str, Tensor], given: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name: given[prefix + name]
        for name, value in own.items()
        if prefix + name in given and given[prefix + name].shape == value.shape
    }


def _more(own: dict[str, Tensor], given: dict[str, Tensor], prefix: str) -> list[str]:
    """What a deeper network of the same family has in the parts that the backbone has too."""
    parts = {name.partition(".")[0] for name in own}
    names = [name.removeprefix(prefix) for name in given if name.startswith(prefix)]
    return [name for name in names if name.partition(".")[0] in parts and name not in own]
