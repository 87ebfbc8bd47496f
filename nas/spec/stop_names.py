"""What a space file or a flag may call the ways to end trainings early."""

from typing import Literal, get_args

StopName = Literal["dominance", "asha", "none"]
STOP_NAMES: tuple[StopName, ...] = get_args(StopName)
