"""Inherited weights: a network begins as if it were cut from a finished one (`nas.model.cut`).

Layers are matched by name and taken where they are the same or smaller; heads are not handed on.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nas.errors import NasError
from nas.files import atomic_write_bytes
from nas.model.build import build_network
from nas.model.cut import LAYERS, Cut, SourceNetwork
from nas.model.identity import architecture_hash, leading_hashes
from nas.model.weights_file import read_state
from nas.runs.folder import exclusive
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.provenance import Provenance
from nas.train.begin import begin_from

MAX_BYTES = 256 * 1024**2
"""Of all weights that are kept; a network of 500,000 parameters takes 2 MB."""
SUFFIX = ".safetensors"
COMPARED = 32
"""Donors whose cut is reckoned, the nearest and best of all; each takes some ten milliseconds."""


@dataclass(frozen=True, eq=False)
class Donor:
    """A finished network whose weights are in a file."""

    path: Path
    """Its stem is the hash of the architecture."""
    architecture: ArchitectureSpec
    blocks: tuple[str, ...]
    """Its `leading_hashes`."""
    metric: float
    """Its metric; higher is better."""

    @cached_property
    def outline(self) -> SourceNetwork:
        """The network without weights, from which cuts can be reckoned, not filled."""
        return SourceNetwork(self.architecture, layer_weights(_outline(self.architecture)))

    def network(self) -> SourceNetwork:
        """The network, its weights read. Raises NasError for a file that is gone, damaged (weights
        that are not finite too), or of another network."""
        state = read_state(self.path)
        for name, value in self.outline.state.items():
            given = state.get(name)
            if given is None or (given.shape, given.dtype) != (value.shape, value.dtype):
                raise NasError(f"of another network: no {name} of its shape", file=self.path)
        return SourceNetwork(self.architecture, state)


@dataclass(frozen=True)
class Inherited:
    """Where a network's first weights came from."""

    donor: str
    """Hash of the donor's architecture."""
    blocks: int
    """Blocks that begin with its weights."""


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
        """Write down a finished network's layers, its head left out; it reached `metric`."""
        if architecture.model is not None:  # another library's, whose layers are not known
            return
        path = self.folder / f"{architecture_hash(architecture)}{SUFFIX}"
        text = dump_architecture(replace(architecture, provenance=Provenance()))
        try:
            self._write(path, network, {"architecture": text, "metric": repr(metric)})
        except OSError as error:
            self.say(f"weights not kept for others, {path}: {error.strerror or error}")

    def start(self, architecture: ArchitectureSpec, network: nn.Module) -> Inherited | None:
        """Fill in place what a donor has of a fresh network; None leaves it as it is."""
        found = self.find(architecture)
        if found is None:
            return None
        donor, _ = found
        try:
            os.utime(donor.path)  # used: it is kept for longer
            cut = begin_from(donor.network(), architecture, network)
        except (NasError, OSError) as error:
            name = architecture_hash(architecture)
            self.say(f"{name} begins without inherited weights, not from {donor.path}: {error}")
            return None
        return Inherited(donor.path.stem, cut.blocks)

    def find(self, architecture: ArchitectureSpec) -> tuple[Donor, Cut] | None:
        """The donor that most blocks can begin with, and these, reckoned without weights.

        Of equals that with the most leading blocks that are the same, and of these the best.
        """
        if architecture.model is not None:
            return None
        blocks, own = leading_hashes(architecture), architecture_hash(architecture)

        def nearness(donor: Donor) -> tuple[int, float]:
            same = sum(a == b for a, b in zip(donor.blocks, blocks, strict=False))
            return same, donor.metric

        # its own was left by a killed run of itself
        others = [donor for donor in self.read() if donor.path.stem != own]
        nearest, outline = nlargest(COMPARED, others, key=nearness), _outline(architecture)
        cuts = [(donor, donor.outline.cut(architecture, outline)) for donor in nearest]
        best = max(cuts, key=lambda found: found[1].blocks, default=None)
        return best if best is not None and best[1].blocks else None

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
            architecture = parse_architecture(facts["architecture"], path)
            if architecture.model is not None:  # its code would be run
                raise ValueError(f"of {architecture.model}, whose layers are not known")
            blocks = leading_hashes(architecture)
            return Donor(path, architecture, blocks, float(facts["metric"]))
        except (OSError, SafetensorError, KeyError, ValueError, NasError) as error:
            self.say(f"no weights to inherit from {path}, which is gone or damaged: {error}")
            return None

    def _write(self, path: Path, network: nn.Module, facts: dict[str, str]) -> None:
        weights = layer_weights(network)
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


def layer_weights(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of the network's layers by name, its head left out."""
    return {name: value for name, value in network.state_dict().items() if name.startswith(LAYERS)}


def _outline(architecture: ArchitectureSpec) -> nn.Module:
    """The network without memory for weights."""
    with torch.device("meta"):
        return build_network(architecture)
