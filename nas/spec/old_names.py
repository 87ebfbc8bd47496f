"""Names of earlier versions that are read for one version more, each with a note."""

import sys
from collections.abc import Mapping
from typing import Any

from nas.errors import NasError

READ_UNTIL = "0.3"
"""Version from which on the old names are unknown."""

OLD_NAMES: Mapping[tuple[str, str], str] = {
    ("training", "relabel"): "pseudo_labelling",
    ("pseudo_labelling", "cycles"): "rounds",
    ("augment", "turn_180"): "rotate_180",
    ("loss", "centre_radius"): "center_sampling_radius",
    ("provenance", "made_digest"): "split_digest",
}
"""The new name by the key of the mapping that the old one stands in, and the old one."""

_noted: set[str] = set()
"""Old names that this process has noted."""


def current_name(parent: str, name: str) -> str:
    """Today's name of a key in the mapping at the key `parent`."""
    return OLD_NAMES.get((parent, name), name)


def both_given(old: str, new: str) -> str:
    """The problem of a mapping that has a key under both of its names."""
    return f"{old} is the old name of {new}, which is given too: leave one of them out"


def note_old_name(old: str, new: str, where: str = "") -> None:
    """Print a note to stderr, once in a process for each old name."""
    if old in _noted:
        return
    _noted.add(old)
    place = f"{where} " if where else ""
    print(
        f"note: {place}{old} is now {new}; the old name is read until version {READ_UNTIL}",
        file=sys.stderr,
    )


def with_current_names(values: Mapping[str, Any], parent: str, where: str = "") -> dict[str, Any]:
    """The values under today's names; `parent` as in `OLD_NAMES`.

    For what is no YAML document: those are renamed as they are read. Raises NasError for a value
    that is given under both names.
    """
    renamed: dict[str, Any] = {}
    for name, value in values.items():
        new = current_name(parent, name)
        if new != name:
            if new in values:
                raise NasError(both_given(name, new), file=where or None, key=name)
            note_old_name(name, new, where)
        renamed[new] = value
    return renamed
