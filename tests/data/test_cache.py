"""The cache: right, whole, shared, and never in the way."""

import json
import logging
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data import cache, digests
from nas.data.cache import DecodedFiles, decoded_files, default_cache_dir, made_folder
from nas.data.decode import UnreadableImage, decode_image, upright_size
from nas.data.digests import DigestMemo
from nas.data.image import load as image_load
from nas.data.image.load import ImageMaker
from nas.data.image.preprocess import ImagePreprocess
from tests.data.conftest import WriteImages

MAKER = ImageMaker(6, 8, 3, ImagePreprocess())


def decoded(folder: Path, cache_dir: Path | None, maker: ImageMaker = MAKER) -> DecodedFiles:
    paths = sorted(folder.rglob("*.png"))
    return decoded_files(paths, maker, DigestMemo(cache_dir, folder), cache_dir)


def uncached(folder: Path, maker: ImageMaker = MAKER) -> np.ndarray:
    paths = sorted(folder.rglob("*.png"))
    return np.stack([decode_image(path, *maker.shape, maker.preprocess) for path in paths])


def refuse_decoding(*_: object) -> None:
    raise AssertionError("decoded again")


@pytest.fixture
def folder(tmp_path: Path, write_images: WriteImages) -> Path:
    write_images(tmp_path / "data", {"a": 5, "b": 4})
    return tmp_path / "data"


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(image_load, "decode_bytes", refuse_decoding)
    return monkeypatch


@pytest.mark.parametrize("channels", [1, 3])
def test_cached_pixels_are_those_of_decode_image(
    folder: Path, tmp_path: Path, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = ImageMaker(6, 8, channels, ImagePreprocess())
    first = decoded(folder, tmp_path / "cache", maker)
    expected = uncached(folder, maker)
    monkeypatch.setattr(image_load, "decode_bytes", refuse_decoding)
    second = decoded(folder, tmp_path / "cache", maker)
    for found in (first, second):
        assert found.pixels.dtype == np.uint8
        np.testing.assert_array_equal(found.pixels, expected)
    (array,) = (tmp_path / "cache" / "images").glob("*.npy")
    np.testing.assert_array_equal(np.load(array), expected)


def test_a_second_start_reads_no_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded(folder, tmp_path / "cache")
    monkeypatch.setattr("nas.data.digests._digest", refuse_decoding)
    monkeypatch.setattr(image_load, "decode_bytes", refuse_decoding)
    assert len(decoded(folder, tmp_path / "cache").pixels) == 9


def test_a_moved_folder_is_not_decoded_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded(folder, tmp_path / "cache")
    folder.rename(tmp_path / "moved")
    monkeypatch.setattr(image_load, "decode_bytes", refuse_decoding)
    assert len(decoded(tmp_path / "moved", tmp_path / "cache").pixels) == 9


def test_changed_content_is_seen_even_with_the_same_size_and_time(
    folder: Path, tmp_path: Path
) -> None:
    decoded(folder, tmp_path / "cache")
    path = folder / "a" / "000.png"
    before = path.stat()
    content = bytearray(path.read_bytes())
    Image.fromarray(np.zeros((9, 12, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes().ljust(len(content), b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    found = decoded(folder, tmp_path / "cache")
    assert found.pixels[0].max() == 0


def test_settings_that_change_pixels_have_their_own_array(folder: Path, tmp_path: Path) -> None:
    variants = [
        MAKER,
        ImageMaker(8, 6, 3, ImagePreprocess()),
        ImageMaker(6, 8, 3, ImagePreprocess(turn_portrait=False)),
        ImageMaker(6, 8, 3, ImagePreprocess(interpolation="nearest")),
    ]
    for maker in variants:
        np.testing.assert_array_equal(
            decoded(folder, tmp_path / "cache", maker).pixels, uncached(folder, maker)
        )
    other_mean = ImageMaker(6, 8, 3, ImagePreprocess(mean=(0.0, 0.0, 0.0)))
    decoded(folder, tmp_path / "cache", other_mean)
    assert len(list((tmp_path / "cache" / "images").glob("*.npy"))) == len(variants)


def test_original_sizes_are_remembered(folder: Path, tmp_path: Path) -> None:
    Image.new("L", (5, 7)).save(folder / "a" / "002.png")
    (folder / "a" / "003.png").write_bytes(b"no image")
    expected = [[9, 12], [9, 12], [7, 5], *[[9, 12]] * 5]
    for _ in range(2):
        found = decoded(folder, tmp_path / "cache")
        assert found.original_sizes_N2.dtype == np.int64
        assert found.original_sizes_N2.tolist() == expected
    assert decoded(folder, None).original_sizes_N2.tolist() == expected


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "header", "empty", "record", "inf", "sizes", "no record"]
)
def test_a_damaged_cache_is_rebuilt(folder: Path, tmp_path: Path, damage: str) -> None:
    expected = decoded(folder, tmp_path / "cache").pixels.copy()
    (array,) = (tmp_path / "cache" / "images").glob("*.npy")
    content = bytearray(array.read_bytes())
    if damage == "cut":
        array.write_bytes(content[:-7])
    elif damage == "flipped":
        content[200] ^= 1
        array.write_bytes(content)
    elif damage == "header":
        content[60] ^= 255
        array.write_bytes(content)
    elif damage == "empty":
        array.write_bytes(b"")
    elif damage == "record":
        array.with_suffix(".json").write_text('{"shape": 3')
    elif damage == "inf":
        array.with_suffix(".json").write_text('{"unreadable": {}, "shape": [1e999], "crc32": 0}')
    elif damage == "sizes":
        record = json.loads(array.with_suffix(".json").read_text())
        array.with_suffix(".json").write_text(json.dumps({**record, "sizes": [[9, 12]]}))
    else:
        array.with_suffix(".json").unlink()
    np.testing.assert_array_equal(decoded(folder, tmp_path / "cache").pixels, expected)
    np.testing.assert_array_equal(np.load(array), expected)


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": [[], 3]}', '{"a": [3, "x"]}'])
def test_a_damaged_memo_is_replaced(folder: Path, tmp_path: Path, content: str) -> None:
    decoded(folder, tmp_path / "cache")
    (memo,) = (tmp_path / "cache" / "digests").glob("*.json")
    memo.write_text(content)
    np.testing.assert_array_equal(decoded(folder, tmp_path / "cache").pixels, uncached(folder))
    assert len(json.loads(memo.read_text())) >= 9


def test_unreadable_files_are_left_out_and_tried_again(folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "001.png").write_bytes(b"no image")
    (folder / "b" / "zzz.png").symlink_to(folder / "nowhere.png")
    for _ in range(2):
        found = decoded(folder, tmp_path / "cache")
        assert found.unreadable == {
            1: "not an image that Pillow knows",
            9: "No such file or directory",
        }
        assert found.pixels.shape == (8, 6, 8, 3)


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(5, "Input/output error"), OSError("no decoder webp")]
)
def test_what_passes_is_not_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A missing decoder, a full memory or a disk that comes back: the file itself is whole."""
    with monkeypatch.context() as patched:

        def fail(*_: object, **__: object) -> None:
            raise error

        patched.setattr(Image, "open", fail)
        assert len(decoded(folder, tmp_path / "cache").unreadable) == 9
    found = decoded(folder, tmp_path / "cache")
    assert not found.unreadable
    np.testing.assert_array_equal(found.pixels, uncached(folder))
    monkeypatch.setattr(image_load, "decode_bytes", refuse_decoding)
    assert not decoded(folder, tmp_path / "cache").unreadable


def test_pipes_are_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "b" / "zzz.png")
    found = decoded(folder, tmp_path / "cache")
    assert found.unreadable == {9: "not a plain file"}
    with pytest.raises(UnreadableImage, match="not a plain file"):
        upright_size(folder / "b" / "zzz.png")


def test_a_file_that_could_not_be_opened_is_tried_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(folder.rglob("*.png"))
    with monkeypatch.context() as patched:
        patched.setattr(digests, "_digest", lambda path: None)
        assert set(DigestMemo(tmp_path / "cache", folder).digests(paths)) == {"missing"}
    assert "missing" not in DigestMemo(tmp_path / "cache", folder).digests(paths)


def test_a_cache_that_cannot_be_written_is_said(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A file where the folder should be: no user, root included, can write below it.
    (tmp_path / "cache").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        found = decoded(folder, tmp_path / "cache")
    np.testing.assert_array_equal(found.pixels, uncached(folder))
    assert not found.pixels.flags.writeable
    assert "can't be written" in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(decoded(folder, None).pixels, uncached(folder))
    assert "kept in RAM" in caplog.text


def test_a_full_disk_leaves_nothing_behind(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nas.files.os.fsync", full)
    found = decoded(folder, tmp_path / "cache")
    np.testing.assert_array_equal(found.pixels, uncached(folder))
    assert "No space left" in caplog.text
    left = [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == [".lock"]


def test_a_kill_leaves_no_half_of_a_made_data_set(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "first").write_text("1")
        if os.getpid() != parent:
            os._exit(9)  # as SIGKILL, in the middle
        (folder / "second").write_text("2")

    parent = os.getpid()
    if not (child := os.fork()):
        with made_folder(tmp_path, "set", (1,), write):
            pass
    os.waitpid(child, 0)
    assert list((tmp_path / "generated_set").glob(".half-*"))
    with made_folder(tmp_path, "set", (1,), write) as folder:
        assert sorted(os.listdir(folder)) == ["first", "second"]
    assert [path.name for path in (tmp_path / "generated_set").iterdir() if path.is_dir()] == [
        folder.name
    ]


def test_progress_counts_images(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    paths = sorted(folder.rglob("*.png"))
    memo = DigestMemo(tmp_path, folder)
    decoded_files(paths, MAKER, memo, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 9) for done in range(1, 10)]


def build(folder: Path, cache_dir: Path, start, results) -> None:
    builds = []
    build_array = cache._build

    def counted(*arguments) -> None:
        builds.append(1)
        build_array(*arguments)

    cache._build = counted
    start.wait()
    results.put((decoded(folder, cache_dir).pixels.copy(), len(builds)))


@pytest.mark.parametrize("locks", [True, False])
def test_two_processes_at_once(
    folder: Path, tmp_path: Path, locks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not locks:
        monkeypatch.setattr("nas.data.cache._lock", lambda stream: None)
    context = multiprocessing.get_context("fork" if sys.platform != "win32" else "spawn")
    start, results = context.Barrier(2), context.Queue()
    arguments = (folder, tmp_path / "cache", start, results)
    workers = [context.Process(target=build, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join(600)
        assert worker.exitcode == 0
    for array, _ in found:
        np.testing.assert_array_equal(array, uncached(folder))
    if locks:
        assert sum(builds for _, builds in found) == 1
    assert not list((tmp_path / "cache" / "images").glob(".*"))


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_cache_dir() == Path("/xdg/nas")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "nas"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_cache_dir() == Path.home() / "Library" / "Caches" / "nas"
    monkeypatch.setenv("NAS_CACHE", "/here")
    assert default_cache_dir() == Path("/here")
