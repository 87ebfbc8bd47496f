"""The folder of an ensemble: which runs are its members. Its thresholds lie beside that."""

import os
from collections.abc import Sequence
from pathlib import Path

from nas.files import atomic_write_text
from nas.spec.document import show
from nas.spec.load import read_document
from nas.spec.yaml_text import block

ENSEMBLE_FILE = "ensemble.yaml"


def is_ensemble(folder: Path) -> bool:
    """Whether the folder holds an ensemble and no network of its own."""
    return (folder / ENSEMBLE_FILE).exists()


def write_members(folder: Path, runs: Sequence[Path]) -> None:
    """Write `ensemble.yaml`; the runs are named from `folder` on, so they can be moved together."""
    members = [os.path.relpath(run.resolve(), folder.resolve()) for run in runs]
    atomic_write_text(folder / ENSEMBLE_FILE, block({"members": members}) + "\n")


def read_members(folder: Path) -> tuple[Path, ...]:
    """The folders of an ensemble's runs. Raises NasError for a file that names fewer than two."""
    document = read_document(folder / ENSEMBLE_FILE)
    values = document.data
    named = values.get("members") if isinstance(values, dict) and len(values) == 1 else None
    if not isinstance(named, list) or len(named) < 2:
        raise document.error((), "needs `members`, a list of at least two runs' folders")
    for index, name in enumerate(named):
        if not isinstance(name, str):
            raise document.error(("members", index), f"{show(name)} is no folder")
    return tuple(Path(os.path.normpath(folder / name)) for name in named)
