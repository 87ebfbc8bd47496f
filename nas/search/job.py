"""Job of a search's worker."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nas.search.finalists import FinalPlan, FinalShare
from nas.search.objective import Objectives
from nas.search.settings import SearchSettings, objectives_of
from nas.search.store import StudyStore, WorkerName, open_store


@dataclass(frozen=True)
class Job:
    """Job of a worker: what it trains, until when."""

    folder: Path
    settings: SearchSettings
    classes: tuple[str, ...]
    metric: str
    """Name of the task's primary metric, which the search maximises."""
    index: int
    """Which of the workers it is; decides its seed."""
    deadline: float | None
    """Time of `time.monotonic()`, one clock for all processes of a machine, after which no network
    is begun."""
    stage: Literal["search", "final"] = "search"
    """Whether new networks are trained, or the finalists again."""

    @property
    def objectives(self) -> Objectives:
        """What the search optimises."""
        return objectives_of(self.settings, self.metric)

    worker: str | None = None
    """Name of the worker in a study that has workers on other machines."""

    def store(self, worker: WorkerName | None = None) -> StudyStore:
        """Where the studies are kept, for the worker of that name or for nobody who takes trials.

        Raises NasError for an unknown storage.
        """
        return open_store(self.settings.storage, self.folder, worker, self.settings.study)

    @property
    def trained_epochs(self) -> int | None:
        """Epochs of each candidate's training; None where they share one."""
        return None if self.settings.search.evaluate == "shared" else self.settings.training.epochs

    @property
    def final_share(self) -> FinalShare | None:
        """What is kept of the time for the finalists; None without a limit."""
        search = self.settings.search
        if self.deadline is None or search.minutes is None:
            return None
        plan, limit_s = FinalPlan.of(self.settings), 60 * search.minutes
        return FinalShare(plan, self.trained_epochs, max(1, self.settings.workers), limit_s)
