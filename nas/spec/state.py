"""What comes into a layer of a search space."""

from dataclasses import dataclass

from blocks import Shape
from nas.spec.domain import Widths


@dataclass(frozen=True)
class State:
    """What comes into a layer."""

    shape: Shape
    reported: int

    @property
    def widths(self) -> Widths:
        """The widths that ranges refer to."""
        return Widths(self.shape[0], self.reported)
