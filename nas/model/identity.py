"""When two architectures are the same network."""

import hashlib
import json

from nas.spec.definition import ArchitectureSpec


def architecture_hash(architecture: ArchitectureSpec) -> str:
    """16 hex digits, equal for architectures that resolve to the same computation.

    Names, the way repeats are written, and ratios that round to the same widths do not count.
    """
    steps = [step.identity for step in (*architecture.steps(), *architecture.head_steps())]
    model = [architecture.model, len(architecture.classes)] if architecture.model else None
    content = [architecture.task, architecture.input.shape, model, steps]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
