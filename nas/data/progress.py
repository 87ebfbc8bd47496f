"""How far the reading of files is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the files done and their total; not at all where nothing is left to be read."""
