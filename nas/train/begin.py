"""Where a network's first weights come from: cut from a larger network, or random."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from numpy.random import default_rng
from torch import nn

from nas.data.preprocess import PixelPreprocess
from nas.errors import NasError, did_you_mean
from nas.model.build import build_network
from nas.model.cut import Cut, SourceNetwork
from nas.model.weights import HUB, PACKAGE, installed_references, load_source
from nas.spec.architecture import ArchitectureSpec, dump_architecture, load_architecture
from nas.spec.definition import BeginSpec
from nas.spec.load import find_architecture
from nas.spec.preprocess import Preprocess
from nas.spec.provenance import Provenance
from nas.spec.space import SpaceSpec
from nas.spec.trial import RandomTrial
from nas.tasks.registry import task_named
from nas.train.weights import WEIGHTS_FILE, build_seeded

KEPT_SOURCES = 4
"""Sources that are kept in memory; one of some million parameters takes 20 MB."""
_known: dict[tuple[BeginSpec, int, str], "Beginning"] = {}


@dataclass(frozen=True, eq=False)
class Beginning:
    """A network whose weights others begin with, and how these want their inputs."""

    network: SourceNetwork
    mean: tuple[float, ...] | None
    """Of each channel, on the scale of 0 to 1; None where that is not known."""
    std: tuple[float, ...] | None

    def preprocess(self, before: Preprocess | None, kind: type[Preprocess]) -> Preprocess | None:
        """`before` with the normalisation that the weights want, unless it says its own.

        Spectrograms keep that of the data, since they are no pictures.
        """
        if self.mean is None or self.std is None or not issubclass(kind, PixelPreprocess):
            return before
        if before is not None and before.says_normalisation:
            return before
        wanted = {"mean": self.mean, "std": self.std}
        return (before or kind.model_validate({})).model_copy(update=wanted)


def library_weights(architecture: ArchitectureSpec) -> Path | None:
    """The file that another library's network begins with; None where its `begin` names none.

    Raises NasError for weights that can't be of it.
    """
    if architecture.model is None or architecture.begin is None:
        return None
    weights = architecture.begin.weights
    if weights == HUB:
        return None
    if weights.startswith(PACKAGE) or architecture.begin.reference is not None:
        problem = f"begins with {HUB} or a file of its library, not with {weights!r}"
        raise NasError(f"{architecture.model} {problem}", key="begin.weights")
    path = Path(weights)
    return path / WEIGHTS_FILE if path.is_dir() else path


def with_library_weights(architecture: ArchitectureSpec, weights: str | None) -> ArchitectureSpec:
    """Another library's network that begins with the file, or the run, that `weights` names.

    `hub` and None leave it as it is. Raises NasError for what can't be of it, or is not there.
    """
    if weights is None or weights == HUB:
        return architecture
    begun = begun_architecture(beginning_with(architecture, weights))
    file = library_weights(begun)
    if file is not None and not file.is_file():
        raise NasError("no such file of weights", file=file, key="--weights")
    return begun


def load_beginning(architecture: ArchitectureSpec) -> Beginning | None:
    """What an architecture's `begin` names, for inputs of as many channels as its own; read once.

    None for one that begins at random. Raises NasError for weights that can't be had.
    """
    if architecture.begin is None or architecture.model is not None:
        return None
    whole = ""
    own = architecture.begin.reference is None and not Path(architecture.begin.weights).is_dir()
    if own:  # the weights are of the architecture itself, not of a run's
        whole = dump_architecture(replace(architecture, provenance=Provenance()))
    key = architecture.begin, architecture.input.channels, whole
    if key not in _known:
        weights = load_source(architecture.begin, architecture)
        if len(_known) >= KEPT_SOURCES:
            _known.clear()
        network = SourceNetwork(weights.architecture, weights.state)
        _known[key] = Beginning(network, weights.mean, weights.std)
    return _known[key]


def begin_from(source: SourceNetwork, architecture: ArchitectureSpec, network: nn.Module) -> Cut:
    """Fill in place what the source has of a network; the rest is left as it is.

    A head is taken with the whole network of the same classes only. Raises NasError where the
    source has nothing of the network.
    """
    cut = source.cut(architecture, network)
    _refuse_empty(cut, source.architecture, architecture)
    state = cut.state(source.state)
    if _is_same(source.architecture, architecture):
        state |= {name: value for name, value in source.state.items() if name not in state}
    with torch.no_grad():
        network.load_state_dict(state, strict=False)
    return cut


def _is_same(source: ArchitectureSpec, architecture: ArchitectureSpec) -> bool:
    """Whether layers, head and classes are the same, at an input of any size."""
    own = architecture.layers, architecture.head, architecture.neck, architecture.classes
    return own == (source.layers, source.head, source.neck, source.classes)


def build_begun(architecture: ArchitectureSpec, seed: int, device: torch.device) -> nn.Module:
    """The network with its first weights: those of that seed, and those that `begin` names.

    Raises NasError for weights that can't be had, TrainingFailed where memory runs out.
    """
    network = build_seeded(architecture, seed, device)
    if (found := load_beginning(architecture)) is not None:
        begin_from(found.network, architecture, network)
    return network


def beginning_with(architecture: ArchitectureSpec, weights: str | Path | None) -> ArchitectureSpec:
    """The architecture with `weights` to begin from; None leaves it as it is.

    The folder of a run stands for its own network, whatever that began with. Raises NasError for an
    empty text, which names no weights.
    """
    if weights is None:
        return architecture
    if not str(weights).strip():
        raise NasError(f"{weights!r} names no weights", key="begin.weights")
    begin = BeginSpec(weights=str(weights))
    if architecture.begin is not None and not Path(weights).is_dir():
        begin = architecture.begin.model_copy(update={"weights": str(weights)})
    return replace(architecture, begin=begin)


def begun_architecture(architecture: ArchitectureSpec) -> ArchitectureSpec:
    """The architecture with the normalisation that its first weights want, and files of weights by
    their full path. Raises NasError for weights that can't be had.
    """
    if architecture.begin is None:
        return architecture
    architecture = replace(architecture, begin=in_full(architecture.begin))
    found = load_beginning(architecture)
    if found is None:
        return architecture
    kind = task_named(architecture.task).preprocess_types[0]
    return replace(architecture, preprocess=found.preprocess(architecture.preprocess, kind))


def check_begin(space: SpaceSpec) -> None:
    """Raises NasError, with the line, where a space names a network that there is not, or that has
    none of its layers. Weights are not looked for.
    """
    if space.begin is None or space.begin.reference is None:
        return
    name = space.begin.reference
    if not find_architecture(name).is_file():
        near = did_you_mean(name, installed_references())
        problem = f"no architecture file or installed network {name!r}{near}"
        raise space.document.error(("begin", "reference"), problem)
    whole = load_architecture(name)
    member = space.sample(RandomTrial(default_rng(0)))
    channels = whole.input.model_copy(update={"channels": member.input.channels})
    whole = replace(whole, input=channels)
    with torch.device("meta"):
        state, network = build_network(whole).state_dict(), build_network(member)
    zeros = {key: torch.zeros(value.shape) for key, value in state.items()}
    try:
        _refuse_empty(SourceNetwork(whole, zeros).cut(member, network), whole, member)
    except NasError as error:
        raise space.document.error(("begin",), error.problem) from error


def _refuse_empty(cut: Cut, source: ArchitectureSpec, member: ArchitectureSpec) -> None:
    """Raises NasError for a cut without any block."""
    if cut.blocks:
        return
    known = ", ".join(layer.label(n) for n, layer in enumerate(source.layers))
    raise NasError(
        f"{source.name} has no layer of {member.name} in a form that serves; layers are matched "
        f"by name, there {known}",
        key="begin",
    )


@contextmanager
def weights_told_as(flag: str) -> Iterator[None]:
    """A NasError within about the weights names the flag that gave them, not the key of a file."""
    try:
        yield
    except NasError as error:
        if error.key not in (None, "begin", "begin.weights", "--weights"):
            raise
        raise NasError(error.problem, file=error.file, key=flag) from error


def begun_space(space: SpaceSpec) -> SpaceSpec:
    """As `begun_architecture`, of a space. Raises NasError where a member has none of the layers
    that it is to begin with, too.
    """
    if space.begin is None:
        return space
    check_begin(space)
    member = begun_architecture(space.sample(RandomTrial(default_rng(0))))
    build_begun(member, 0, torch.device("cpu"))
    keys = {"begin": member.begin.model_dump() if member.begin else None}
    if member.preprocess is not None:
        keys["preprocess"] = member.preprocess.model_dump(mode="json", exclude_unset=True)
    return space.with_keys(**keys)


def in_full(begin: BeginSpec) -> BeginSpec:
    """The same with files by their full path, so that it holds in any folder."""

    def full(name: str) -> str:
        return str(Path(name).resolve()) if Path(name).exists() else name

    named = begin.weights == HUB or begin.weights.startswith(PACKAGE)
    return BeginSpec(
        reference=None if begin.reference is None else full(begin.reference),
        weights=begin.weights if named else full(begin.weights),
    )
