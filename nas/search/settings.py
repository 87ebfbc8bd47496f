"""Everything that a search was asked to do, kept in its folder so that it can go on."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from nas.files import atomic_write_text
from nas.spec.budget import BudgetSpec
from nas.spec.load import read_document
from nas.spec.search import SearchSpec
from nas.spec.training import TrainingSpec
from nas.spec.validate import Frozen, validate
from nas.spec.yaml_text import block


class SearchSettings(Frozen):
    """Resolved settings of one search."""

    command: str = ""
    """The command line that began it."""
    data: str | None = None
    """Folder or table of the data; null is the data set that comes with the installed packages."""
    groups: str | None = None
    """Table of the groups that no split may cut."""
    strict: bool = False
    """Stop at files that can't be read, instead of leaving them out."""
    split_seed: Annotated[int, Field(strict=True, ge=0)] = 0
    """Seed of the splits, where the data have none of their own."""
    search: SearchSpec = SearchSpec()
    budget: BudgetSpec = BudgetSpec()
    training: TrainingSpec = TrainingSpec()
    score: str | None = None
    """Name or expression of the score of the best network; null chooses the knee of the front."""
    workers: Annotated[int, Field(strict=True, ge=1, le=1_024)] = 1
    """Processes that train at the same time."""
    threads: Annotated[int, Field(strict=True, ge=1, le=1_024)] = 1
    """Cores that each of them uses."""
    device: str = "auto"
    """Where they train: auto, cpu, cuda, cuda:1."""
    environment: dict[str, str] = {}  # noqa: RUF012  # pydantic copies defaults
    """Versions, commit and hardware."""


_BEFORE: dict[str, str | int] = {"stop": "none", "finalists": 0}
"""What a search did before these settings were there."""


def write_settings(folder: Path, settings: SearchSettings) -> None:
    """Write `settings.yaml` into a run's folder."""
    text = block(settings.model_dump(mode="json")) + "\n"
    atomic_write_text(folder / "settings.yaml", text)


def read_settings(folder: Path) -> SearchSettings:
    """The settings of a run's folder. Raises NasError where there are none.

    A run that was begun before there were early stopping and finalists goes on without them.
    """
    document = read_document(folder / "settings.yaml")
    settings = validate(SearchSettings, document)
    written = document.data.get("search") or {}
    before = {name: value for name, value in _BEFORE.items() if name not in written}
    return settings.model_copy(update={"search": settings.search.model_copy(update=before)})
