"""Where weights come from: a published network's, a file's, a package's, a finished run's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import Tensor

from nas.errors import NasError, did_you_mean
from nas.model.matching import matched_state
from nas.model.published import PACKAGES, PUBLISHED, canonical, packaged_file, shared_values
from nas.model.weights_file import SUFFIXES, read_state, with_channels
from nas.spec.architecture import architecture_from, load_architecture
from nas.spec.definition import ArchitectureSpec, BeginSpec
from nas.spec.load import find_architecture, read_document

HUB, PACKAGE = "hub", "pip:"
RUN_ARCHITECTURE, RUN_WEIGHTS = "architecture.yaml", "model.safetensors"
"""Files of a finished run."""
_REFERENCE, _WEIGHTS = "begin.reference", "begin.weights"


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
        state = matched_state(source, given, file, ordered=ordered)
    except NasError as error:
        hint = _reference_hint(begin)
        raise NasError(error.problem + hint, file=error.file, key=_WEIGHTS) from error
    mean, std = _normalisation(begin, source, run)
    return _for_channels(SourceWeights(source, state, mean, std), architecture.input.channels)


def _source_architecture(
    begin: BeginSpec, architecture: ArchitectureSpec, run: Path | None
) -> ArchitectureSpec:
    if begin.reference is not None:
        source = load_begin_reference(begin.reference)
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


def load_begin_reference(reference: str) -> ArchitectureSpec:
    """The architecture that `begin.reference` names.

    Raises NasError for a name that is none, and for a file of something else, without a word of it:
    whoever wrote the spec need not be allowed to read the file.
    """
    path = find_architecture(reference)
    if not path.is_file():
        near = did_you_mean(reference, installed_references())
        problem = f"no architecture file or installed network {reference!r}{near}"
        raise NasError(problem, key=_REFERENCE)
    document = read_document(path)
    if not isinstance(document.data, dict):
        raise NasError("is no architecture file", file=path, key=_REFERENCE)
    return architecture_from(document)


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
