"""Files that a kill leaves whole."""

import os
from pathlib import Path
from typing import Any

import pytest

from nas.files import atomic_write_bytes, atomic_write_text


class Killed(BaseException):
    """Stands for the moment at which the process ends."""


@pytest.mark.parametrize("moment", ["fsync", "chmod", "replace"])
def test_kill_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "best.yaml"
    atomic_write_text(path, "old")

    def killed(*arguments: Any) -> None:
        raise Killed

    monkeypatch.setattr(os, moment, killed)
    with pytest.raises(Killed):
        atomic_write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["best.yaml"]


def test_content_is_on_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    atomic_write_bytes(tmp_path / "a" / "b", b"\x00\xff")
    assert order == ["fsync", "replace"]
    assert (tmp_path / "a" / "b").read_bytes() == b"\x00\xff"


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write_text(tmp_path / "x", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640
