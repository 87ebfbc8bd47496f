"""Symbolic links: one rule for pictures, recordings and X-rays, and for what is predicted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.data.audio.source import recording_files
from nas.data.files import visible_files
from nas.data.image.source import find_image_source
from nas.data.xray.source import xray_files


def _pictures(folder: Path) -> set[str]:
    return {file.key for file in find_image_source(folder).files}


def _xrays(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in xray_files(folder).values()}


def _to_predict(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in visible_files(folder, (".png",))}


@pytest.mark.parametrize("files_of", [_pictures, _xrays, _to_predict])
def test_folders_are_followed_once_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files_of: Callable[[Path], set[str]]
) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for file in (data / "a" / "1.png", data / "b" / "2.png", elsewhere / "deep" / "3.png"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (data / "a" / "out").symlink_to(elsewhere)
    (data / "a" / "loop").symlink_to(data)
    (elsewhere / "deep" / "back").symlink_to(elsewhere)
    (data / "b" / "beside.png").symlink_to("2.png")  # within, and so no matter
    (data / "b" / "4.png").symlink_to(elsewhere / "deep" / "3.png")
    assert files_of(data) == {"a/1.png", "a/out/deep/3.png", "b/2.png", "b/beside.png", "b/4.png"}
    again, outside = caplog.messages
    assert again.startswith(f"{data}: 2 symbolic links lead to a folder that is read already")
    assert f"{data}/a/loop -> {data}" in again
    assert f"{data}/a/out/deep/back -> {elsewhere}" in again
    assert outside.startswith(f"{data}: 2 symbolic links lead out of the folder, and are followed")
    assert f"{data}/a/out -> {elsewhere}" in outside
    assert f"{data}/b/4.png -> {elsewhere}/deep/3.png" in outside


def test_recordings_elsewhere_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "there.wav").touch()
    (tmp_path / "train" / "r.wav").symlink_to(tmp_path / "there.wav")
    (tmp_path / "train" / "s.wav").symlink_to("r.wav")
    assert set(recording_files(tmp_path / "train")) == {"r", "s"}
    (told,) = caplog.messages
    assert "2 symbolic links lead out of the folder, and are followed" in told
