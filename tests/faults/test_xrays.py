"""Compressed DICOM files that are damaged at random; `python -m tests.faults.xrays` prints more."""

from collections import Counter

import pytest

from nas.data.decode import guarded_pillow
from tests.faults.xrays import DIED, damaged_files, outcome


@pytest.mark.parametrize(
    ("files", "seed"), [(40, 1), pytest.param(3200, 2, marks=pytest.mark.slow)]
)
def test_damaged_files_are_read_or_refused(files: int, seed: int) -> None:
    found: Counter[str] = Counter()
    with guarded_pillow():
        for _, content in damaged_files(files, seed):
            became = outcome(content)
            found[DIED if became.startswith(DIED) else became] += 1
    assert found.total() == files
    assert found["read"] > files // 20
    assert found["refused"] > files // 4
