"""The shapes that the parts of a network really put out."""

import torch
from torch import Tensor, nn


def recorded_shapes(
    network: nn.Module, in_shape: tuple[int, ...]
) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]]]:
    """Shape of one sample's logits, and of what each block of `layers` and `head` puts out."""
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> object:
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            found[name] = tuple(output.shape[1:])

        return hook

    for part in ("layers", "head"):
        for name, block in network.get_submodule(part).named_children():
            block.register_forward_hook(note(f"{part}.{name}"))
    device = next(network.parameters()).device
    with torch.no_grad():
        logits = network(torch.empty(2, *in_shape, device=device))
    return tuple(logits.shape[1:]), found
