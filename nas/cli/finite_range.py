"""A number of the command line that lies in a range."""

from typing import Any

import click


class FiniteRange(click.FloatRange):
    """As click's, which lets `nan` through, and `inf` where the range is open."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number - number != 0:  # of what is not finite
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number
