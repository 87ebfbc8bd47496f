"""Whole numbers as people write and read them."""

import pytest

from nas.errors import NasError
from nas.spec.quantity import count_text, parse_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0"),
        (999, "999"),
        (1_000, "1.00 k"),
        (56_510, "56.5 k"),
        (99_949, "99.9 k"),
        (99_950, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (1_862_490, "1.86 M"),
        (9_995_000, "10.0 M"),
        (4_089_000_000, "4.09 G"),
        (5_000_000_000_000_000, "5000 T"),
    ],
)
def test_count_has_three_significant_digits(count: int | None, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (2_410_000, "2.41 MB")])
def test_a_unit_stands_behind_the_prefix(count: int, text: str) -> None:
    assert count_text(count, "B") == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256KiB", 262_144),
        ("256kB", 256_000),
        ("256k", 256_000),
        ("1.5MiB", 1_572_864),
        (300, 300),
        ("2 GiB", 2 << 30),
    ],
)
def test_sizes_in_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["iB", "5iB", "0", "-1", "5TiB", "KiB", True, "1e3", "0.1"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(NasError, match="is not allowed"):
        parse_size(text)
