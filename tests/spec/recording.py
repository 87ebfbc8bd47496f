"""The shapes that the parts of a network really put out."""

import torch
from torch import Tensor, nn

from blocks import DetectionOutput, TimeAttentionOutput, pyramid_shape

Output = Tensor | TimeAttentionOutput | DetectionOutput | list[Tensor]


def recorded_shapes(
    network: nn.Module, in_shape: tuple[int, ...]
) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]]]:
    """Shape of one sample's logits, and of what each block of `layers` and `head` puts out.

    Of several outputs the first counts, as the clip-wise logits of a head over time; the maps of a
    neck count together.
    """
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> object:
        def hook(module: nn.Module, args: object, output: Output) -> None:
            found[name] = _first_shape(output)

        return hook

    for part in ("layers", "head"):
        for name, block in network.get_submodule(part).named_children():
            block.register_forward_hook(note(f"{part}.{name}"))
    device = next(network.parameters()).device
    with torch.no_grad():
        logits = network(torch.empty(2, *in_shape, device=device))
    return _first_shape(logits), found


def _first_shape(output: Output) -> tuple[int, ...]:
    if isinstance(output, list):
        return pyramid_shape(tuple(x.shape[1:]) for x in output)
    return tuple((output if isinstance(output, Tensor) else output[0]).shape[1:])
