"""Thresholds beside a network's weights: read back as written, and checked."""

from pathlib import Path

import pytest

from nas.errors import NasError
from nas.train.trained import THRESHOLDS_FILE, load_thresholds, save_thresholds

CLASSES = ("dog", "no", "7")
"""Two of them names that YAML would read as something else."""


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    thresholds = {"dog": 0.1 + 0.2, "no": 1.0, "7": 1e-9}
    save_thresholds(tmp_path, thresholds)
    assert load_thresholds(tmp_path, CLASSES) == thresholds


def test_a_task_without_thresholds_leaves_no_file(tmp_path: Path) -> None:
    save_thresholds(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_keeps_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"no thresholds\.yaml in it"):
        load_thresholds(tmp_path, CLASSES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog: 0.5\n", "a threshold for each of dog, no, 7"),
        ("[0.5, 0.5, 0.5]\n", "a threshold for each"),
        ("dog: 0.5\n'no': 1.5\n'7': 0.1\n", "yaml:2 no: 1.5 is no threshold"),
        ("dog: 0.5\n'no': high\n'7': 0.1\n", "'high' is no threshold"),
        ("dog: 0.5\n'no': true\n'7': 0.1\n", "true is no threshold"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / THRESHOLDS_FILE).write_text(text)
    with pytest.raises(NasError, match=expected.replace("[", r"\[")):
        load_thresholds(tmp_path, CLASSES)
