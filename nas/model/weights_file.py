"""Files of weights: safetensors, or PyTorch's own without any code in it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nas.errors import NasError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
"""Of the files that can be read; all but the first are PyTorch's."""
_WITHIN = ("state_dict", "model", "model_state_dict")
"""Keys under which a checkpoint holds the weights."""
COUNTER = "num_batches_tracked"
"""Of a batch normalisation: counts steps, computes nothing, and is missing in old files."""


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, in its order; of a checkpoint those of its network.

    Nothing in the file is executed. Raises NasError for a missing, damaged or other file.
    """
    if path.suffix not in SUFFIXES:
        allowed = ", ".join(SUFFIXES)
        raise NasError(f"a file of weights ends in {allowed}, not {path.suffix!r}", file=path)
    if not path.is_file():
        raise NasError("no such file of weights", file=path)
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise NasError(f"damaged weights: {error}", file=path) from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of pickle, zip and torch, by what is wrong with the file
        reason = str(error).split("\n")[0]
        raise NasError(
            f"is no file of tensors alone, which is all that is read of a stranger: {reason}; "
            "save the network's state_dict()",
            file=path,
        ) from error
    return _tensors(content, path)


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        within = next((content[key] for key in _WITHIN if key in content), content)
        if isinstance(within, Mapping) and all(isinstance(v, Tensor) for v in within.values()):
            return {str(name).removeprefix("module."): value for name, value in within.items()}
    raise NasError("holds no state_dict: tensors by name", file=path)


def without_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that compute something."""
    return {name: value for name, value in state.items() if not name.endswith(COUNTER)}


def load_file_into(network: nn.Module, path: Path, *, of_classes: Collection[str] = ()) -> None:
    """Fill another library's network in place from a file with that library's names.

    A classifier of other width stays as it is, and so do the modules `of_classes`; the weights of a
    first convolution with other input channels are summed and shared out. Raises NasError for a
    file of another network.
    """
    own, given = network.state_dict(), without_counters(read_state(path))
    first = next(name for name, value in own.items() if value.dim() > 1)
    if first in given and given[first].dim() == own[first].dim() == 4:
        given[first] = with_channels(given[first], own[first].shape[1])
    needed = without_counters(own)
    fitting = {
        name: value
        for name, value in given.items()
        if name in needed and needed[name].shape == value.shape
    }
    if foreign := _foreign(needed, given, fitting, of_classes):
        raise NasError(
            f"weights of another network than {type(network).__name__}: {len(foreign)} tensors are "
            f"in one of the two only, or have other shapes, first {foreign[0]!r}",
            file=path,
            key="--weights",
        )
    with torch.no_grad():
        network.load_state_dict(fitting, strict=False)


def _foreign(
    needed: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    fitting: Mapping[str, Tensor],
    of_classes: Collection[str],
) -> list[str]:
    """Names that tell of another network; a classifier may be another, or be in the file alone."""
    last = _module_of(list(needed)[-1])
    classifies = f"{last}.weight" in needed and needed[f"{last}.weight"].dim() > 1
    foreign = [
        name
        for name in needed
        if name not in fitting
        and not (
            (_module_of(name) in of_classes or (classifies and _module_of(name) == last))
            and name in given
            and given[name].shape[1:] == needed[name].shape[1:]
        )
    ]
    left = [name for name in given if name not in needed]
    is_classifier = sorted(name.rpartition(".")[2] for name in left) == ["bias", "weight"]
    return foreign + ([] if is_classifier else left)


def _module_of(name: str) -> str:
    return name.rpartition(".")[0]


def with_channels(weight_OIHW: Tensor, channels: int) -> Tensor:
    """A first convolution for other input channels: their sum, shared out.

    So one plane gives what equal planes gave.
    """
    if weight_OIHW.shape[1] == channels:
        return weight_OIHW
    shared = weight_OIHW.sum(1, keepdim=True) / channels
    return shared.expand(-1, channels, -1, -1).contiguous()
