"""Weights as safetensors files."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from nas.errors import NasError
from nas.files import atomic_write_bytes


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights and statistics, atomically."""
    # safetensors keeps plain row order: channels_last is asked for again after loading
    state = {
        name: value.detach().contiguous().cpu() for name, value in network.state_dict().items()
    }
    atomic_write_bytes(path, save(state))


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network in place. Raises NasError for a missing, damaged or foreign file."""
    try:
        state = load_file(path)
    except FileNotFoundError:
        raise NasError("no weights here; is the training finished?", file=path) from None
    except (OSError, SafetensorError) as error:
        raise NasError(f"damaged weights: {error}", file=path) from error
    own = network.state_dict()
    for name in own.keys() | state.keys():
        if name not in state or name not in own:
            where = "the file" if name not in state else "the architecture"
            raise NasError(f"weights of another architecture: no {name!r} in {where}", file=path)
        if own[name].shape != state[name].shape:
            raise NasError(
                f"weights of another architecture: {name!r} has shape {tuple(state[name].shape)} "
                f"in the file, {tuple(own[name].shape)} in the architecture",
                file=path,
            )
    with torch.no_grad():
        network.load_state_dict(state)
