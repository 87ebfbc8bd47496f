"""Architecture hash: equal for architectures that are the same network."""

import hashlib
import json
from collections.abc import Iterable

from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import Step


def architecture_hash(architecture: ArchitectureSpec) -> str:
    """16 hex digits, equal for architectures that resolve to the same computation.

    Names, the way repeats are written, and ratios that round to the same widths do not count; the
    weights from which training begins do.
    """
    steps = step_text((*architecture.steps(), *architecture.head_steps()))
    return hash_of_texts(architecture, [steps])


def step_text(steps: Iterable[Step]) -> str:
    """The part of the hash that comes from these blocks."""
    return ", ".join(json.dumps(step.identity) for step in steps)


def hash_of_texts(architecture: ArchitectureSpec, texts: Iterable[str]) -> str:
    """The hash of an architecture from the texts of all its blocks, in any number of runs."""
    model = _model(architecture)
    facts: list[object] = [architecture.task, architecture.input.shape, model]
    if architecture.begin is not None:
        facts.append([architecture.begin.reference, architecture.begin.weights])
    start = json.dumps(facts)
    content = f"{start[:-1]}, [{', '.join(text for text in texts if text)}]]"
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _model(architecture: ArchitectureSpec) -> list[object] | None:
    """What decides the computation of another library's network."""
    if architecture.model is None:
        return None
    own: list[object] = [architecture.model, len(architecture.classes)]
    if architecture.keeps_time or architecture.detects:
        own.append(architecture.head)
    if architecture.neck is not None:
        own += [config.identity(()) for config in architecture.neck.copies()]
    return own


def leading_hashes(architecture: ArchitectureSpec) -> tuple[str, ...]:
    """16 hex digits a block, heads left out: equal as far as two networks compute the same.

    The n-th is equal where the input and the first n blocks are; names do not count. Empty for
    another library's network.
    """
    hashes: list[str] = []
    digest = hashlib.sha256(json.dumps([architecture.task, architecture.input.shape]).encode())
    for step in architecture.steps():
        digest.update(json.dumps(step.identity).encode())
        hashes.append(digest.hexdigest()[:16])
    return tuple(hashes)
