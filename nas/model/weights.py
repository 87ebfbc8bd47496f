"""Where weights come from: a published network's, a file's, a package's, a finished run's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import NasError, did_you_mean
from nas.model.build import build_network
from nas.model.published import PACKAGES, PUBLISHED, canonical, packaged_file, shared_values
from nas.model.weights_file import COUNTER, SUFFIXES, read_state, with_channels, without_counters
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec, BeginSpec
from nas.spec.load import find_architecture

HUB, PACKAGE = "hub", "pip:"
RUN_ARCHITECTURE, RUN_WEIGHTS = "architecture.yaml", "model.safetensors"
"""Files of a finished run."""
_REFERENCE, _WEIGHTS = "begin.reference", "begin.weights"
_CLASSIFIER = "head."
"""Before the names of a head's tensors."""


@dataclass(frozen=True, eq=False)
class SourceWeights:
    """A network from whose weights others may begin."""

    architecture: ArchitectureSpec
    """With the input channels of the network that is to begin."""
    state: dict[str, Tensor]
    """Names and shapes of `build_network(architecture).state_dict()`; a classifier of other width
    than the weights' own is left out."""
    mean: tuple[float, ...] | None
    """Of each channel, as the weights want their inputs normalised; None where nothing tells."""
    std: tuple[float, ...] | None


def load_source(begin: BeginSpec, architecture: ArchitectureSpec) -> SourceWeights:
    """The network, its weights and its normalisation that `begin` names.

    Args:
        begin: Without a reference the weights are those of a run's network, or of `architecture`.
        architecture: The network that is to begin, or a space's; its input channels count.

    Raises NasError for names that are none and weights that can't be had, or are another network's.
    """
    place = None if begin.weights == HUB or begin.weights.startswith(PACKAGE) else begin.weights
    run = Path(place) if place is not None and Path(place).is_dir() else None
    source = _source_architecture(begin, architecture, run)
    try:
        given, file, ordered = _given(begin.weights, source, run)
        state = _matched(source, given, file, ordered=ordered)
    except NasError as error:
        hint = _reference_hint(begin)
        raise NasError(error.problem + hint, file=error.file, key=_WEIGHTS) from error
    mean, std = _normalisation(begin, source, run)
    return _for_channels(SourceWeights(source, state, mean, std), architecture.input.channels)


def _source_architecture(
    begin: BeginSpec, architecture: ArchitectureSpec, run: Path | None
) -> ArchitectureSpec:
    if begin.reference is not None:
        if not find_architecture(begin.reference).is_file():
            near = did_you_mean(begin.reference, installed_references())
            problem = f"no architecture file or installed network {begin.reference!r}{near}"
            raise NasError(problem, key=_REFERENCE)
        source = load_architecture(begin.reference)
    elif run is not None:
        file = run / RUN_ARCHITECTURE
        if not file.is_file():
            problem = f"no {RUN_ARCHITECTURE} in it; give a folder that `nas train` wrote"
            raise NasError(problem, file=run, key=_WEIGHTS)
        source = load_architecture(file)
    else:
        source = architecture
    if source.model is not None:
        problem = f"{source.model} has no layers of ours to begin from"
        raise NasError(problem, key=_WEIGHTS if begin.reference is None else _REFERENCE)
    return replace(source, begin=None)


def installed_references() -> tuple[str, ...]:
    """Names of the reference networks that come with the package."""
    folder = Path(str(files("search_spaces"))) / "reference"
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def _reference_hint(begin: BeginSpec) -> str:
    """Which reference a package's weights belong to, where another or none was given."""
    name = PACKAGES.get(canonical(begin.weights.removeprefix(PACKAGE)))
    if not begin.weights.startswith(PACKAGE) or name in (None, begin.reference):
        return ""
    return f"; these weights belong to begin.reference: {name}"


def _given(
    weights: str, source: ArchitectureSpec, run: Path | None
) -> tuple[Mapping[str, Tensor], str, bool]:
    """The tensors by the names that they have there, where that is, and if in a network's order."""
    if weights == HUB:
        if source.name not in PUBLISHED:
            known = did_you_mean(source.name, PUBLISHED)
            raise NasError(f"nobody publishes weights of {source.name!r}{known}")
        return PUBLISHED[source.name].hub_state(), HUB, True
    if weights.startswith(PACKAGE):
        file = packaged_file(weights.removeprefix(PACKAGE))
    elif run is not None:
        file = run / RUN_WEIGHTS
        if not file.is_file():
            raise NasError(f"no {RUN_WEIGHTS} in it; is the run finished?", file=run)
    else:
        file = Path(weights)
        if file.suffix not in SUFFIXES and not file.exists():
            raise NasError(_unknown(weights))
    return read_state(file), str(file), file.suffix != ".safetensors"


def _unknown(weights: str) -> str:
    near = did_you_mean(weights, (HUB, *(f"{PACKAGE}{name}" for name in PACKAGES)))
    allowed = (
        f"{HUB}, {PACKAGE}NAME, a file ({', '.join(SUFFIXES)}) or the folder of a finished run"
    )
    said = near if near.startswith("; did") else ""
    return f"no weights {weights!r}{said}; allowed: {allowed}"


def _matched(
    source: ArchitectureSpec, given: Mapping[str, Tensor], file: str, *, ordered: bool
) -> dict[str, Tensor]:
    """The given tensors by our names. Raises NasError unless all of the layers' are there."""
    with torch.device("meta"):
        whole = build_network(source).state_dict()
    own, given = without_counters(whole), without_counters(given)
    classifier = _classifier(own)
    body = [name for name in own if name not in classifier]
    names = _in_order(source, (body, classifier), given, file, ordered=ordered)
    pairs = dict(zip(body, names, strict=False))
    for ours, theirs in pairs.items():
        if own[ours].shape != given[theirs].shape or _kind(ours) != _kind(theirs):
            raise NasError(
                f"weights of another network: {theirs!r} has shape {tuple(given[theirs].shape)}, "
                f"{ours!r} of {source.name} {tuple(own[ours].shape)}",
                file=file,
            )
    rest = names[len(body) :]
    if len(pairs) < len(body) or not (set(rest) <= set(classifier) or _is_head(rest, given)):
        problem = f"has {len(names)} tensors, {source.name} has {len(own)}"
        raise NasError(f"weights of another network: the file {problem}", file=file)
    forms = [(_kind(name), own[name].shape) for name in classifier]
    if forms == [(_kind(name), given[name].shape) for name in rest]:
        pairs |= zip(classifier, rest, strict=True)
    state = {ours: given[theirs].detach().float().clone() for ours, theirs in pairs.items()}
    return _with_counters(whole, state, classifier)


def _classifier(own: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that depend on the classes: the head's, else the last layer's."""
    head = [name for name in own if name.startswith(_CLASSIFIER)]
    last = list(own)[-1].split(".")[:2]
    return head or [name for name in own if name.split(".")[:2] == last]


def _in_order(
    source: ArchitectureSpec,
    own: tuple[Sequence[str], Sequence[str]],
    given: Mapping[str, Tensor],
    file: str,
    *,
    ordered: bool,
) -> list[str]:
    """The names of the given tensors in the network's order, by whose names they are."""
    if all(name in given for name in own[0]):
        ours = [*own[0], *(name for name in own[1] if name in given)]
        known_here = set(ours)
        return [*ours, *(name for name in given if name not in known_here)]
    known = dict(PUBLISHED[source.name].namings()) if source.name in PUBLISHED else {}
    for names in known.values():
        wanted = [name for name in names if not name.endswith(COUNTER)]
        if set(wanted) == set(given):
            return wanted
    if ordered:
        return list(given)
    foreign = next((name for name in given if name not in own[0]), "")
    problem = f"its tensors have names of no network that is known, as {foreign!r}"
    allowed = ", ".join(("ours", *known))
    raise NasError(f"{problem}; allowed: {allowed}, or a .pth in the network's order", file=file)


def _kind(name: str) -> str:
    """`weight`, `bias`, `running_mean` or `running_var`."""
    return name.rpartition(".")[2]


def _is_head(names: Sequence[str], given: Mapping[str, Tensor]) -> bool:
    """Whether these may be a classifier's: of ours, or one linear layer."""
    if all(name.startswith(_CLASSIFIER) for name in names):
        return True
    return [_kind(name) for name in names] == ["weight", "bias"] and given[names[0]].dim() > 1


def _with_counters(
    whole: Mapping[str, Tensor], state: Mapping[str, Tensor], classifier: Iterable[str]
) -> dict[str, Tensor]:
    """The state in the network's order, with counters of steps, which begin anew."""
    left_out = {name for name in classifier if name not in state}
    modules = {name.rpartition(".")[0] for name in left_out}
    return {
        name: state[name] if name in state else torch.zeros(value.shape, dtype=value.dtype)
        for name, value in whole.items()
        if name in state or (name.endswith(COUNTER) and name.rpartition(".")[0] not in modules)
    }


def _normalisation(
    begin: BeginSpec, source: ArchitectureSpec, run: Path | None
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and std that the weights want: of the run, of whoever published them."""
    if run is not None:
        said = load_architecture(run / RUN_ARCHITECTURE).preprocess
    else:
        name = PACKAGES.get(canonical(begin.weights.removeprefix(PACKAGE)), source.name)
        if name in PUBLISHED:
            return PUBLISHED[name].normalisation
        said = source.preprocess
    if said is None or not said.says_normalisation:
        return None, None
    return _values(getattr(said, "mean", None)), _values(getattr(said, "std", None))


def _values(said: Any) -> tuple[float, ...] | None:
    """One value a channel; recordings have one for all."""
    if said is None:
        return None
    return tuple(said) if isinstance(said, tuple) else (float(said),)


def _for_channels(source: SourceWeights, channels: int) -> SourceWeights:
    """The same weights for inputs of other channels."""
    size = source.architecture.input
    if size.channels == channels:
        return source
    return SourceWeights(
        replace(source.architecture, input=size.model_copy(update={"channels": channels})),
        grey_state(source.state, channels),
        None if source.mean is None else shared_values(source.mean, channels),
        None if source.std is None else shared_values(source.std, channels),
    )


def grey_state(state: Mapping[str, Tensor], channels: int) -> dict[str, Tensor]:
    """The state with a first convolution for other input channels, as grey pictures need.

    Its weights are summed over the channels and shared out, so that one plane gives what equal
    planes gave. Raises ValueError where no convolution comes first.
    """
    first = next((name for name, value in state.items() if value.dim() > 1), "")
    if not first or state[first].dim() != 4:
        raise ValueError(f"no convolution comes first: {first!r}")
    return {**state, first: with_channels(state[first], channels)}
