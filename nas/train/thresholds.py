"""The thresholds that were chosen for a network, kept beside its weights."""

from collections.abc import Sequence
from pathlib import Path

from nas.errors import NasError
from nas.files import atomic_write_text
from nas.spec.document import show
from nas.spec.load import read_document
from nas.spec.yaml_text import block
from nas.tasks.base import Thresholds

THRESHOLDS_FILE = "thresholds.yaml"


def save_thresholds(folder: Path, thresholds: Thresholds) -> None:
    """Write `thresholds.yaml`; nothing where a task has none."""
    if thresholds:
        atomic_write_text(folder / THRESHOLDS_FILE, block(dict(thresholds)) + "\n")


def load_thresholds(folder: Path, classes: Sequence[str]) -> Thresholds:
    """The thresholds of a run's folder by class.

    Raises NasError for a file that is not there, or does not hold one from 0 to 1 for each of the
    classes.
    """
    file = folder / THRESHOLDS_FILE
    if not file.exists():
        raise NasError(
            f"no {THRESHOLDS_FILE} in it, which training chose on the validation split; "
            "is the run finished?",
            file=folder,
        )
    document = read_document(file)
    values = document.data
    if not isinstance(values, dict) or set(values) != set(classes):
        raise NasError(f"needs a threshold for each of {', '.join(classes)}", file=file)
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise document.error((name,), f"{show(value)} is no threshold; allowed are 0 to 1")
    return {name: float(values[name]) for name in classes}
