"""Files of weights: safetensors, or PyTorch's own without any code in it."""

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from nas.errors import NasError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
"""Of the files that can be read; all but the first are PyTorch's."""
_WITHIN = ("state_dict", "model", "model_state_dict")
"""Keys under which a checkpoint holds the weights."""
COUNTER = "num_batches_tracked"
"""Of a batch normalisation: counts steps, computes nothing, and is missing in old files."""


FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
"""Types that weights may have in a file."""
_ZIP, _PICKLE = b"PK", b"\x80"
"""How PyTorch's files begin, today's and those before version 1.6."""


def read_state(path: Path, *, integers: Collection[str] = ()) -> dict[str, Tensor]:
    """The tensors of a file by name, in its order; of a checkpoint those of its network.

    Nothing in the file is executed. All but counters are dense, finite and floating-point; those
    that `integers` names may be of whole numbers. Raises NasError for a missing, damaged or other
    file, and for tensors that are no weights.
    """
    if path.suffix not in SUFFIXES:
        allowed = ", ".join(SUFFIXES)
        raise NasError(f"a file of weights ends in {allowed}, not {path.suffix!r}", file=path)
    if not path.is_file():
        raise NasError("no such file of weights", file=path)
    safe = path.suffix == SUFFIXES[0]
    state = _safe_tensors(path) if safe else _tensors(read_tensors(path), path)
    for name, value in without_counters(state).items():
        if problem := _kind_problem(value, name in integers) or _value_problem(name, value):
            raise NasError(f"{name!r} {problem}", file=path)
    return state


def load_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name. Raises OSError and SafetensorError.

    The library's own `load_file` opens no path that is not UTF-8.
    """
    return load(path.read_bytes())


def _safe_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_safetensors(path)
    except (OSError, SafetensorError) as error:
        raise NasError(f"damaged weights: {error}", file=path) from error


def read_tensors(path: Path) -> Any:
    """What is in a file of PyTorch's, tensors and plain values, read without running anything.

    Raises NasError for a damaged file, and for one that holds anything else.
    """
    try:
        with warnings.catch_warnings():  # of kinds of tensors that are refused afterwards
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of pickle, zip and torch, by what is wrong with the file
        raise NasError(_file_problem(path, error), file=path) from error


def _file_problem(path: Path, error: Exception) -> str:
    """Why torch can't read the file, in words of ours: torch's tell how to run what is in it."""
    try:
        with path.open("rb") as file:
            begin = file.read(9)
    except OSError as unreadable:
        return f"can't read the file: {unreadable.strerror}"
    if not begin:
        return "the file is empty"
    if begin[8:] == b"{" and int.from_bytes(begin[:8], "little") <= path.stat().st_size:
        return f"is a safetensors file: its name must end in .safetensors, not {path.suffix}"
    if not begin.startswith((_ZIP, _PICKLE)):
        return "is no file of tensors alone: neither a zip archive nor a pickle, as PyTorch's are"
    if not isinstance(error, UnpicklingError):
        return "is no file of tensors alone: damaged, cut off, or an archive of something else"
    other = "" if begin.startswith(_ZIP) else ", or is damaged"
    problem = f"is no file of tensors alone: it holds other objects, which are not read{other}"
    return f"{problem}; save the network's state_dict()"


def _kind_problem(value: Tensor, may_be_integer: bool) -> str:
    """What makes a tensor something else than numbers that weights can be; empty for nothing."""
    kind = ""
    if value.is_nested or value.layout != torch.strided:
        kind = "nested" if value.is_nested else str(value.layout).removeprefix("torch.")
    elif value.is_meta:
        kind = "without values (device meta)"
    elif value.numel() * value.element_size() > value.untyped_storage().nbytes():
        kind = "a view that repeats its values"
    elif value.dtype not in FLOATS and not (may_be_integer and _is_integer(value)):
        kind = "of type " + _word(value.dtype)
    allowed = ", ".join(map(_word, FLOATS))
    return f"is {kind}; weights are dense tensors of type {allowed}" if kind else ""


def _is_integer(value: Tensor) -> bool:
    return not (value.is_floating_point() or value.is_complex() or value.is_quantized)


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _value_problem(name: str, value: Tensor) -> str:
    """What makes a tensor's values damaged, as those of a training that diverged; or empty."""
    if not value.float().isfinite().all():  # weights are float32 in use
        return "is not finite in float32: NaN or infinity is in it"
    if name.endswith("running_var") and bool((value < 0).any()):
        return "is a variance with values below 0"
    return ""


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
    own = network.state_dict()
    integers = [name for name, value in own.items() if not value.is_floating_point()]
    given = without_counters(read_state(path, integers=integers))
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
