"""Inherited weights: a network begins with those of a finished one with the same leading blocks.

Blocks are shared from the first on, as far as config and input shape are equal; statistics of batch
normalisation are included, heads are not.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nas.errors import NasError
from nas.files import atomic_write_bytes
from nas.model.build import Network
from nas.model.identity import architecture_hash, leading_hashes
from nas.runs.folder import exclusive
from nas.spec.definition import ArchitectureSpec

MAX_BYTES = 256 * 1024**2
"""Of all weights that are kept; a network of 500,000 parameters takes 2 MB."""
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Donor:
    """A finished network whose weights are in a file."""

    path: Path
    blocks: tuple[str, ...]
    """Its `leading_hashes`."""
    metric: float
    """Its metric; higher is better."""

    @property
    def architecture_hash(self) -> str:
        """Names the file."""
        return self.path.name.removesuffix(SUFFIX)


@dataclass(frozen=True)
class Inherited:
    """Where a network's first weights came from."""

    donor: str
    """Hash of the donor's architecture."""
    blocks: int
    """Leading blocks that were taken over."""


class Donors:
    """The finished networks of a run's folder, shared by all processes that work in it.

    `say` is told of files that can't serve: nothing here ends a search. Beyond `max_bytes` those
    that were not used for the longest time are removed.
    """

    def __init__(
        self, folder: Path, say: Callable[[str], None], *, max_bytes: int = MAX_BYTES
    ) -> None:
        self.folder = folder
        self.say = say
        self.max_bytes = max_bytes
        self._known: dict[Path, Donor | None] = {}

    def keep(self, architecture: ArchitectureSpec, network: nn.Module, metric: float) -> None:
        """Write down a finished network's blocks, its head left out; it reached `metric`."""
        blocks = leading_hashes(architecture)
        path = self.folder / f"{architecture_hash(architecture)}{SUFFIX}"
        if not blocks:
            return
        try:
            self._write(path, network, {"blocks": " ".join(blocks), "metric": repr(metric)})
        except OSError as error:
            self.say(f"weights not kept for others, {path}: {error.strerror or error}")

    def start(self, architecture: ArchitectureSpec, network: nn.Module) -> Inherited | None:
        """Fill the leading blocks of a fresh network in place; None leaves it as it is."""
        found = self.find(architecture)
        if found is None:
            return None
        donor, count = found
        try:
            os.utime(donor.path)  # used: it is kept for longer
            hand_on(donor.path, network, count)
        except (NasError, OSError) as error:
            name = architecture_hash(architecture)
            self.say(f"{name} begins from scratch instead of from {donor.path}: {error}")
            return None
        return Inherited(donor.architecture_hash, count)

    def find(self, architecture: ArchitectureSpec) -> tuple[Donor, int] | None:
        """The donor with the most shared leading blocks, of equals the best, and their number."""
        blocks, own = leading_hashes(architecture), architecture_hash(architecture)
        best: tuple[Donor, int] | None = None
        for donor in self.read():
            count = sum(a == b for a, b in zip(donor.blocks, blocks, strict=False))
            if count == 0 or donor.architecture_hash == own:  # left by a killed run of itself
                continue
            if best is None or (count, donor.metric) > (best[1], best[0].metric):
                best = donor, count
        return best

    def read(self) -> list[Donor]:
        """All donors, by name. Each file is opened once: it never changes."""
        paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        for path in paths:
            if path not in self._known:
                self._known[path] = self._open(path)
        donors = (self._known[path] for path in paths)
        return [donor for donor in donors if donor is not None]

    def _open(self, path: Path) -> Donor | None:
        try:
            with safe_open(path, framework="pt") as file:
                facts = file.metadata() or {}
            return Donor(path, tuple(facts["blocks"].split()), float(facts["metric"]))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            self.say(f"no weights to inherit from {path}, which is gone or damaged: {error}")
            return None

    def _write(self, path: Path, network: nn.Module, facts: dict[str, str]) -> None:
        weights = block_weights(network)
        plain = {name: value.detach().contiguous().cpu() for name, value in weights.items()}
        content = save(plain, facts)
        if len(content) > self.max_bytes:
            self.say(f"weights not kept for others, {path}: more than {self.max_bytes:,} bytes")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder / ".lock"):
            atomic_write_bytes(path, content)
            self._make_room(path)

    def _make_room(self, newest: Path) -> None:
        files = {path: path.stat() for path in self.folder.glob(f"*{SUFFIX}")}
        total = sum(facts.st_size for facts in files.values())
        for path in sorted(files, key=lambda path: (path == newest, files[path].st_mtime_ns)):
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= files[path].st_size


def hand_on(path: Path, network: nn.Module, count: int) -> None:
    """Fill the first `count` blocks of a network in place from a donor's file.

    Raises NasError for a file that is gone, damaged (weights that are not finite too), or of other
    blocks; the network is then as it was.
    """
    own = {
        name: value
        for name, value in block_weights(network).items()
        if int(name.partition(".")[0]) < count
    }
    try:
        with safe_open(path, framework="pt") as file:
            donated = {name: file.get_tensor(name) for name in own}
    except (OSError, SafetensorError) as error:
        raise NasError(f"gone, damaged, or of other blocks: {error}", file=path) from error
    for name, value in own.items():
        if donated[name].shape != value.shape:
            shapes = f"{tuple(donated[name].shape)}, not {tuple(value.shape)}"
            raise NasError(f"of other blocks: {name} has the shape {shapes}", file=path)
        if not donated[name].isfinite().all():
            raise NasError(f"damaged: {name} is not finite", file=path)
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(donated[name])


def block_weights(network: nn.Module) -> dict[str, Tensor]:
    """The network's own weights and statistics, its head left out.

    They are named by the place of the block, `2.conv.weight`, since equal blocks may bear other
    names. Raises ValueError for another library's network.
    """
    if not isinstance(network, Network) or not isinstance(network.layers, nn.Sequential):
        raise ValueError(f"a {type(network).__name__} has no blocks to hand on")
    return {
        f"{index}.{name}": value
        for index, block in enumerate(network.layers)
        for name, value in block.state_dict().items()
    }
