"""Whole numbers written with k, M or G."""

import re

from nas.errors import NasError

_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_FORM = re.compile(r"(\d+(?:\.\d+)?(?:[eE]\+?\d{1,2})?)\s*([kKMG]?)")


def parse_quantity(value: object) -> int:
    """20000000 for `20M`, 1500 for `1.5k`, 300 for 300. Raises NasError for anything else."""
    match = _FORM.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None or len(match[1]) > 40:
        problem = "a positive number, or one with k, M or G as in 20M"
        raise NasError(f"{str(value)[:60]!r} is not allowed: {problem}")
    number = float(match[1]) * _FACTORS[match[2]]
    if round(number) < 1 or number > 1e18:
        raise NasError(f"{str(value)[:60]!r} is not allowed: at least 1, at most 1e18")
    return round(number)
