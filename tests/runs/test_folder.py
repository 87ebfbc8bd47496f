"""The folder of a run and its log."""

import threading
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.runs.folder import append_log, locked_run, new_run_folder


def test_folders_are_numbered(tmp_path: Path) -> None:
    names = [new_run_folder(None, "tiny", tmp_path / "runs").name for _ in range(3)]
    assert names == ["tiny", "tiny-2", "tiny-3"]


def test_no_name_leaves_the_folder_of_runs(tmp_path: Path) -> None:
    """As of a network of another library, `timm:hf-hub:somebody/net`."""
    for name in ("../../etc", "hf-hub:a/b", "..", "/root", "x\n\x1b[2J"):
        folder = new_run_folder(None, name, tmp_path / "runs")
        assert folder.parent == tmp_path / "runs"
        assert folder.name.isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_racing_processes_get_folders_of_their_own(tmp_path: Path) -> None:
    got: list[Path] = []
    threads = [
        threading.Thread(target=lambda: got.append(new_run_folder(None, "tiny", tmp_path)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 12


def test_named_folder_must_be_empty(tmp_path: Path) -> None:
    assert new_run_folder(tmp_path / "a" / "b", "x") == tmp_path / "a" / "b"
    assert new_run_folder(tmp_path / "a" / "b", "x").is_dir(), "an empty one is taken"
    with pytest.raises(NasError, match="exists already"):
        new_run_folder(tmp_path / "a", "x")
    (tmp_path / "file").touch()
    with pytest.raises(NasError, match="exists already"):
        new_run_folder(tmp_path / "file", "x")
    with pytest.raises(NasError, match="can't"):
        new_run_folder(tmp_path / "file" / "below", "x")


def test_what_a_failed_start_leaves_may_be_used_again(tmp_path: Path) -> None:
    with locked_run(tmp_path):
        append_log(tmp_path, "the data can't be read")
    assert new_run_folder(tmp_path, "x") == tmp_path
    (tmp_path / "architecture.yaml").touch()
    with pytest.raises(NasError, match="exists already"):
        new_run_folder(tmp_path, "x")


def test_log_has_a_line_an_entry(tmp_path: Path) -> None:
    append_log(tmp_path, "one\n")
    append_log(tmp_path, "two \udcff")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line[20:] for line in lines] == ["one", "two \\udcff"]
