"""Which images belong together: those of one patient, and those of one study."""

from collections.abc import Sequence

_Node = tuple[bool, str]
"""`(False, patient)` or `(True, study)`: patients come first in order."""


def patient_groups(studies: Sequence[str], patients: Sequence[str | None]) -> tuple[str, ...]:
    """Group of each image: its patient where that is known, else its study.

    No study is divided: one whose images name several patients, or name one in part, makes all of
    these one group, under the first name in alphabetical order.
    """
    parents: dict[_Node, _Node] = {}
    for study, patient in zip(studies, patients, strict=True):
        ends = {_root(parents, (True, study))}
        if patient is not None:
            ends.add(_root(parents, (False, patient)))
        parents |= dict.fromkeys(ends, min(ends))
    return tuple(_root(parents, (True, study))[1] for study in studies)


def _root(parents: dict[_Node, _Node], node: _Node) -> _Node:
    """The first of all that `node` is joined with."""
    while parents.setdefault(node, node) != node:
        node = parents[node]
    return node
