"""Waits for the workers that others started, on this machine or on others."""

import time
from collections.abc import Callable

from nas.search.candidates import Limits
from nas.search.executors.base import Executor
from nas.search.final_stage import finalists_left
from nas.search.trials import count_spent, records_of

POLL_S = 1.0


class WorkersElsewhere(Executor):
    """Starts nobody: `nas worker` joins the study by itself."""

    def run(self, on_poll: Callable[[], None]) -> None:
        """Return when nothing is left to begin, and nobody holds a trial."""
        while True:
            over = self._is_over()  # asked first: what may come back is not over
            on_poll()
            if over and not self.store.others_run(self.study):
                return
            time.sleep(POLL_S)

    def end(self) -> None:
        """Nobody is this search's to end."""

    def _is_over(self) -> bool:
        if self.store.others_run(self.study):
            return False
        job = self.job
        if job.stage == "final":
            return not finalists_left(self.store.search(job.objectives.directions), job)
        records, search = records_of(self.study), job.settings.search
        limits = Limits(job.settings.budget, search.trials, job.deadline, job.final_share)
        return (
            count_spent(records) >= search.trials
            or limits.time_is_up(records)
            or self.store.finishing() is not None
            or "exhausted" in self.study.user_attrs
        )
