"""Tensors of a file by our names: ours, a library's, or in the network's order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import torch
from torch import Tensor

from nas.errors import NasError
from nas.model.build import build_network
from nas.model.published import PUBLISHED
from nas.model.weights_file import COUNTER, without_counters
from nas.spec.definition import MAX_CLASSES, ArchitectureSpec, Head, head_layers
from nas.spec.layers import walk

_CLASSIFIER = "head."
"""Before the names of a head's tensors."""
_HEADS: tuple[Head, ...] = ("linear", "attention", "cbam_attention")
"""Whose tensors have the same names on any features."""
_DETECTOR = {"neck", "detection"}
"""The layers of a detector's head; a neck's tensors are as many as its settings say."""
_FEATURES = (64, 8, 8)
"""Some that all of these heads take."""


def matched_state(
    source: ArchitectureSpec, given: Mapping[str, Tensor], file: str, *, ordered: bool
) -> dict[str, Tensor]:
    """The given tensors by our names, in float32; a classifier of other width is left out.

    Args:
        source: The network that they are to be of.
        given: By the names that they have in `file`.
        ordered: Whether they are in a network's order, so that names may be unknown.

    Raises NasError unless all tensors of the layers are there, and nothing that is no classifier.
    """
    whole = _outline(source)
    own, given = without_counters(whole), without_counters(given)
    classifier = _classifier(own)
    body = [name for name in own if name not in classifier]
    names = _in_order(source, (body, classifier), given, file, ordered=ordered)
    pairs = dict(zip(body, names, strict=False))
    for ours, theirs in pairs.items():
        if own[ours].shape != given[theirs].shape or _kind(ours) != _kind(theirs):
            _refuse(_shapes(source, ours, own[ours], theirs, given[theirs]), file)
    if len(pairs) < len(body):
        _refuse(f"the file has {len(names)} tensors, {source.name} has {len(own)}", file)
    theirs_left = {name: given[name] for name in names[len(body) :]}
    pairs |= _head_pairs(source, {name: own[name] for name in classifier}, theirs_left, file)
    state = {ours: given[theirs].detach().float().clone() for ours, theirs in pairs.items()}
    return _with_counters(whole, state, classifier)


def _outline(source: ArchitectureSpec) -> dict[str, Tensor]:
    """Names and shapes of a network's tensors."""
    with torch.device("meta"):
        return build_network(source).state_dict()


def _refuse(problem: str, file: str) -> NoReturn:
    raise NasError(f"weights of another network: {problem}", file=file)


def _shapes(source: ArchitectureSpec, ours: str, own: Tensor, theirs: str, given: Tensor) -> str:
    shape, wanted = tuple(given.shape), tuple(own.shape)
    return f"{theirs!r} has shape {shape}, {ours!r} of {source.name} {wanted}"


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
    """The names of the given tensors in the network's order, by whose names they are.

    Those of the layers come first, then a known classifier's, then unknown ones.
    """
    layers, namings = len(own[0]), {source.name: [*own[0], *own[1]]}
    if not set(own[0]) <= set(given) and source.name in PUBLISHED:
        for library, names in PUBLISHED[source.name].namings():
            namings[library] = [name for name in names if not name.endswith(COUNTER)]
    for whose, names in namings.items():
        part = whose != source.name and 0 < len(set(names[layers:]) - set(given)) < len(own[1])
        if set(names[:layers]) <= set(given) and not part:
            known = dict.fromkeys(name for name in names if name in given)
            return list(known | dict.fromkeys(given))
    for whose, names in namings.items():
        if set(given) <= set(names):
            lacking = [name for name in names if name not in given]
            problem = f"lacks {len(lacking)} of the {len(names)} tensors of {whose}"
            raise NasError(f"{problem}, first {lacking[0]!r}", file=file)
    if ordered:
        return list(given)
    foreign = next(name for name in given if name not in namings[source.name])
    problem = f"its tensors have names of no network that is known, as {foreign!r}"
    allowed = ", ".join(("ours", *list(namings)[1:]))
    raise NasError(f"{problem}; allowed: {allowed}, or a .pth in the network's order", file=file)


def _kind(name: str) -> str:
    """`weight`, `bias`, `running_mean` or `running_var`."""
    return name.rpartition(".")[2]


def _head_pairs(
    source: ArchitectureSpec, own: Mapping[str, Tensor], given: Mapping[str, Tensor], file: str
) -> dict[str, str]:
    """Our names and theirs of a classifier of our width; empty for one of other width, for another
    head and for none. Raises NasError for what is neither."""
    if not given or (set(given) != set(own) and _is_other_head(list(given))):
        return {}
    forms = [[(_kind(name), value.dim()) for name, value in head.items()] for head in (own, given)]
    if set(given) == set(own) or forms[0] == forms[1]:
        pairs = dict(zip(own, given, strict=True))
        return pairs if _is_of_our_width(source, own, given, file) else {}
    if _is_linear(given):
        return {}
    unknown = next((name for name in given if name not in own), None)
    if unknown is not None:
        _refuse(f"the file has {unknown!r}, {source.name} has not", file)
    lacking = next(name for name in own if name not in given)
    raise NasError(f"lacks {lacking!r} of {source.name}", file=file)


def _is_of_our_width(
    source: ArchitectureSpec, own: Mapping[str, Tensor], given: Mapping[str, Tensor], file: str
) -> bool:
    """Whether a classifier has our shapes. Raises NasError unless it has them for other classes."""
    both = [(*one, *other) for one, other in zip(own.items(), given.items(), strict=True)]
    other = next((item for item in both if item[1].shape != item[3].shape), None)
    if other is None:
        return True
    wider = _outline_of(source, other[1], other[3]) or own
    for ours, value, theirs, said in both:
        if wider[ours].shape != said.shape:
            _refuse(f"{_shapes(source, ours, value, theirs, said)}, for any classes", file)
    return False


def _outline_of(source: ArchitectureSpec, own: Tensor, given: Tensor) -> dict[str, Tensor] | None:
    """The network for as many more classes as a classifier's tensor has more outputs."""
    if not own.dim() or own.dim() != given.dim():
        return None
    classes = len(source.classes) + len(given) - len(own)
    if not 1 <= classes <= MAX_CLASSES:
        return None
    try:
        return _outline(source.with_classes(tuple(map(str, range(classes)))))
    except NasError:  # its last layer can't have as many
        return None


def _is_other_head(names: Sequence[str]) -> bool:
    """Whether these are the tensors of one of our heads."""
    if not all(name.startswith(_CLASSIFIER) for name in names):
        return False
    layers = {name.split(".")[1] for name in names}
    if "detection" in layers:
        return layers <= _DETECTOR
    return any(set(names) == set(_head_names(head)) for head in _HEADS)


def _head_names(head: Head) -> Iterable[str]:
    with torch.device("meta"):
        for step in walk(head_layers(head, _FEATURES, 2), _FEATURES):
            state = step.config.build(step.in_shape).state_dict()
            yield from (f"{_CLASSIFIER}{step.name}.{name}" for name in without_counters(state))


def _is_linear(given: Mapping[str, Tensor]) -> bool:
    """Whether these are one linear layer, as other libraries' classifiers are."""
    if [_kind(name) for name in given] != ["weight", "bias"]:
        return False
    weight, bias = given.values()
    return weight.dim() > 1 and bias.shape == weight.shape[:1]


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
