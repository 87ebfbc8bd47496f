"""Files that a kill leaves whole, whatever stands where they are written."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from nas.files import (
    append_line,
    atomic_file,
    atomic_write_bytes,
    atomic_write_text,
    file_name,
    write_together,
)


@pytest.fixture(params=["nameless", "named", "no links"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the file to come is kept: as file systems can, and as they allow."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE")
    elif request.param == "no links":

        def link(*names: Any, **keywords: Any) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", link)
    return str(request.param)


class Killed(BaseException):
    """Stands for the moment at which the process ends."""


@pytest.mark.parametrize("moment", ["fsync", "fchmod", "replace"])
def test_kill_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, way: str
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


def test_a_process_that_ends_leaves_nothing_beside_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "pixels.npy"
    path.write_text("old")
    if not (child := os.fork()):
        with atomic_file(path) as stream:
            stream.write(b"half")
            stream.flush()
            os._exit(9)  # no `finally`, as with SIGKILL
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (os.listdir(tmp_path), path.read_text()) == (["pixels.npy"], "old")


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


def test_others_may_read_what_was_written(tmp_path: Path, way: str) -> None:
    before = os.umask(0o027)
    try:
        atomic_write_text(tmp_path / "x", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_what_is_replaced_keeps_its_mode(tmp_path: Path, way: str) -> None:
    path = tmp_path / "x"
    path.write_text("a longer text")
    path.chmod(0o604)
    atomic_write_text(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o7777) == ("new", 0o604)


def test_links_are_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to("elsewhere/../elsewhere/x")  # dangles at first
    for text in ("made", "replaced"):
        atomic_write_text(tmp_path / "first", text)
        assert (elsewhere / "x").read_text() == text
        assert all((tmp_path / name).is_symlink() for name in ("first", "second"))
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "first", "second"]
    assert os.listdir(elsewhere) == ["x"]


@pytest.mark.parametrize("name", ["null", "full"])
def test_devices_stay_devices(tmp_path: Path, name: str) -> None:
    """Also behind a link, as `/dev/null` of a folder of links; /dev/full is a full disk."""
    device = Path("/dev", name)
    before = device.stat()
    link = tmp_path / "link"
    link.symlink_to(device)
    for path in (device, link):
        if name == "full":
            with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
                atomic_write_text(path, "x")
        else:
            atomic_write_text(path, "x")
    after = device.stat()
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_rdev, after.st_ino) == (before.st_rdev, before.st_ino)


def test_a_pipe_gets_the_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    atomic_write_bytes(pipe, b"x" * 200_000)  # more than a pipe holds
    reader.join()
    assert (got, stat.S_ISFIFO(pipe.stat().st_mode)) == ([b"x" * 200_000], True)


@pytest.mark.parametrize("form", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_a_descriptor_goes_on_where_it_stands(tmp_path: Path, form: str) -> None:
    """As standard output that the shell sends to a file: no new file takes its place."""
    with (tmp_path / "x").open("wb", buffering=0) as stream:
        stream.write(b"before ")
        atomic_write_text(Path(form.format(stream.fileno())), "text ")
        stream.write(b"after")
    assert (tmp_path / "x").read_bytes() == b"before text after"


def test_what_can_not_be_a_file_is_refused_by_its_name(tmp_path: Path) -> None:
    folder, circle, listening = tmp_path / "folder", tmp_path / "circle", tmp_path / "socket"
    folder.mkdir()
    circle.symlink_to("circle")
    (tmp_path / "link").symlink_to("folder")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(listening))
        for path in (folder, tmp_path / "link", circle, listening, tmp_path / ("x" * 256)):
            with pytest.raises(OSError, match=f": '{path}'"):
                atomic_write_text(path, "x")
        assert stat.S_ISSOCK(listening.stat().st_mode)
    assert not list(folder.iterdir())


def test_names_as_long_as_names_can_be(tmp_path: Path, way: str) -> None:
    atomic_write_text(tmp_path / ("x" * 255), "text")
    assert os.listdir(tmp_path) == ["x" * 255]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shufflenet-t41", "shufflenet-t41"),
        ("종이 2", "종이 2"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("/", "-"),
        ("C:\\x", "C:-x"),
        ("a\nb\x1b[2Jc\x00\udcff", "a-b-[2Jc--"),
        (" x ", "x"),
        (". .x", "x"),
        ("é" * 300, "é" * 100),
    ],
)
def test_names_stay_in_their_folder(text: str, name: str) -> None:
    assert file_name(text) == name
    assert file_name(name) == name


def test_a_full_disk_is_told_with_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        append_line(Path("/dev/full"), "x")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path / 'x'}'"):
        atomic_write_text(tmp_path / "x", "x")
    assert os.listdir(tmp_path) == []


def test_what_begins_together_leaves_no_half(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = iter([None, OSError(errno.ENOSPC, "full")])

    def soon_full(handle: int) -> None:
        if error := next(left):
            raise error

    monkeypatch.setattr(os, "fsync", soon_full)
    with pytest.raises(OSError, match=f"full: '{tmp_path / 'settings.yaml'}'"):
        write_together(tmp_path, {"space.yaml": "a", "settings.yaml": "b"})
    assert os.listdir(tmp_path) == []
