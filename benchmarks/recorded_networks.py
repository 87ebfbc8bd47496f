"""Networks of one space whose training was recorded: one JSON object a line of a file.

    {"params": {...}, "architecture": "YAML", "hash": "...", "macs": 1, "parameters": 1,
     "runs": [{"epochs": 15, "seed": 0, "history": [0.1, ...], "seconds": 40.1, ...}]}

`history` has the validation macro-F1 of each epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.json_lines import read_json_lines
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec


@dataclass(frozen=True)
class RecordedNetwork:
    """An architecture and what its trainings gave."""

    architecture: ArchitectureSpec
    params: Mapping[str, Any]
    macs: int
    parameters: int
    best: Mapping[tuple[int, int], float]
    """Best macro-F1 of the run of so many epochs with that seed."""


def read_recorded(path: Path) -> tuple[RecordedNetwork, ...]:
    """The networks of a file, in its order. Raises NasError for no such file."""
    rows = read_json_lines(path, ("architecture", "params", "macs", "parameters", "runs"))
    return tuple(
        RecordedNetwork(
            architecture=parse_architecture(row["architecture"]),
            params=row["params"],
            macs=row["macs"],
            parameters=row["parameters"],
            best={(run["epochs"], run["seed"]): max(run["history"]) for run in row["runs"]},
        )
        for row in rows
    )
