"""Whole numbers written with k, M or G, and sizes in bytes: read, and rounded for people."""

import re

from nas.errors import NasError
from nas.text_table import UNKNOWN

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


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMG]?)(i?)B?")


def parse_size(value: object) -> int:
    """Bytes: 262144 for `256KiB`, 256000 for `256kB` or `256k`, 300 for 300.

    Raises NasError for anything else.
    """
    match = _SIZE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None or len(match[1]) > 40 or (match[3] and not match[2]):
        problem = "bytes, or a size such as 256KiB (1024 each), 256kB (1000 each), 1MiB"
        raise NasError(f"{str(value)[:60]!r} is not allowed: {problem}")
    power = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3}[match[2]]
    number = float(match[1]) * float(1024 if match[3] else 1000) ** power
    if round(number) < 1 or number > 1e18:
        raise NasError(f"{str(value)[:60]!r} is not allowed: at least 1 byte, at most 1e18")
    return round(number)


def count_text(count: int | None, unit: str = "") -> str:
    """Three significant digits with a prefix: `1.86 M` of 1,862,490; below 1000 the count itself.

    The only place where MACs, parameters and bytes are rounded. None is a dash.
    """
    if count is None:
        return UNKNOWN
    if count < 1000:
        return f"{count} {unit}".rstrip()
    prefixes = ((10**3, "k"), (10**6, "M"), (10**9, "G"), (10**12, "T"))
    # 999,500 rounds to 1.00 M, not to 1000 k.
    size, prefix = next((pair for pair in prefixes if count < 999.5 * pair[0]), prefixes[-1])
    value = count / size
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {prefix}{unit}"
