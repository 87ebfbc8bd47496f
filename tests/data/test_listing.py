"""The digest of made splits: what architecture files of every version name."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nas.data.listing import Listing
from nas.data.splits import Split


@dataclass(frozen=True)
class File:
    key: str
    split: Split
    path: Path = Path()


def listing(*files: File, made: tuple[Split, ...] = ("validation",)) -> Listing[File]:
    return Listing(
        source=Path("set"), root=Path("set"), files=files, classes=("a",), made_splits=made
    )


B_TRAIN, A_TEST = File("b/1.png", "train"), File("a/\udcff.png", "test")


def test_it_is_of_the_sorted_lines_of_file_and_split() -> None:
    expected = hashlib.sha256(b"a/\xff.png\ntest\nb/1.png\ntrain\n").hexdigest()[:16]
    assert listing(B_TRAIN, A_TEST).split_digest == expected
    assert listing(A_TEST, B_TRAIN).split_digest == expected
    assert listing(A_TEST, File("b/1.png", "validation")).split_digest != expected


def test_given_splits_have_none() -> None:
    assert listing(B_TRAIN, A_TEST, made=()).split_digest == ""


def test_members_are_those_of_a_split_in_order() -> None:
    more = File("c", "train")
    assert listing(B_TRAIN, A_TEST, more).members("train") == [B_TRAIN, more]
