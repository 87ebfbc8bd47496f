"""What comes out of a network: whether it is numbers, and of the form that a task needs."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from blocks import DetectionOutput
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec

NO_NUMBERS = "the network's outputs for it are not finite (NaN or infinity)"
"""Why a sample has no prediction."""


class NotFinite(NasError):
    """A network gave NaN or infinity, of which no metric can be taken."""


def not_finite(outputs: Any) -> Tensor:
    """(N,) of a batch's outputs: which samples have NaN or infinity in them.

    Distances of a box's sides may be infinite, as exponentials are early in a training; the boxes
    of a whole detector are finite by its contract.
    """
    if isinstance(outputs, Tensor):
        return ~outputs.flatten(1).isfinite().all(dim=1)
    if isinstance(outputs, DetectionOutput):
        logits = not_finite(outputs.class_logits_NPK) | not_finite(outputs.centre_logits_NP)
        return logits | outputs.distances_NP4.flatten(1).isnan().any(dim=1)
    if isinstance(outputs, tuple):
        return torch.stack([not_finite(part) for part in outputs]).any(dim=0)
    return torch.zeros(len(outputs), dtype=torch.bool)


def require_finite(outputs: Any, what: str) -> None:
    """Raises NotFinite for outputs of a batch that `not_finite` finds some in."""
    if wrong := int((found := not_finite(outputs)).sum()):
        raise NotFinite(
            f"the network's outputs are not finite (NaN or infinity) for {wrong} of {len(found)} "
            f"{what}"
        )


def check_logits(network: nn.Module, architecture: ArchitectureSpec, *, training: bool) -> None:
    """Raises NasError unless the network gives one logit a class and nothing else.

    Two inputs of zeros are put through a copy of it; in `training` mode too, in which some networks
    give further outputs.
    """
    for mode in (False, True) if training else (False,):
        outputs = _example(network, architecture, training=mode)
        classes, when = len(architecture.classes), " in training" if mode else ""
        needed = f"needed is one tensor (samples, classes) of logits, here (2, {classes})"
        if not isinstance(outputs, Tensor):
            kind = type(outputs).__name__
            raise NasError(f"{architecture.model} gives a {kind}{when}: {needed}", key="model")
        if outputs.shape != (2, classes) or not outputs.is_floating_point():
            kind = str(outputs.dtype).removeprefix("torch.")
            shape = tuple(outputs.shape)
            hint = "; a factory with a parameter num_classes is told it" if len(shape) == 2 else ""
            raise NasError(
                f"{architecture.model} gives a {kind} tensor {shape}{when}: {needed}{hint}",
                key="model",
            )


def _example(network: nn.Module, architecture: ArchitectureSpec, *, training: bool) -> Any:
    copied = deepcopy(network).train(training)
    place = next((tensor.device for tensor in copied.parameters()), torch.device("cpu"))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            return copied(torch.zeros((2, *architecture.input.shape), device=place))
        except (Exception, SystemExit) as error:  # whatever the user's own forward raises
            size = "x".join(map(str, architecture.input.shape))
            reason = str(error).split("\n")[0] or type(error).__name__
            problem = f"{architecture.model} can't run on an input of {size}: {reason}"
            raise NasError(problem, key="model") from error
