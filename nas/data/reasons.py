"""Why files or rows were left out, as a part of one line."""

from collections.abc import Sequence


def first_of(reasons: Sequence[str], shown: int = 3) -> str:
    """`: A; B; C; ...` of the first reasons; empty for none."""
    more = "; ..." if len(reasons) > shown else ""
    return f": {'; '.join(reasons[:shown])}{more}" if reasons else ""
