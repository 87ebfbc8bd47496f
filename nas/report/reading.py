"""Lines about the first reading of a data set, which may take minutes."""

from collections.abc import Callable
from time import monotonic

SECONDS = 10.0
"""Between two lines: what is read sooner is not spoken of."""


class ReadingLines:
    """Says now and then how many files are read; a `nas.data.progress.Progress`."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._say, self._clock = say, clock
        self._said_at = clock()

    def __call__(self, done: int, total: int) -> None:
        if self._clock() - self._said_at < SECONDS:
            return
        self._said_at = self._clock()
        self._say(f"  {done} of {total} files read; the next run finds them in the cache")
