"""Compressed DICOM files are read in a process of its own, which may die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray

from nas.data.decode import guarded_pillow
from nas.data.xray import decoder
from nas.data.xray.decoder import MOST_SECONDS, Decoder, DecoderDied, NoDecoder
from nas.data.xray.dicom import picture_here, read_dicom
from nas.data.xray.shades import UnreadableXray
from tests.data.xray_files import content_of, dataset_of, encoded_by_gdcm
from tests.faults.xrays import SYNTAXES, compressed


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    with guarded_pillow():
        yield


@pytest.fixture(scope="module")
def whole() -> bytes:
    return compressed("JPEG2000Lossless", 24, 20)


@pytest.fixture
def started() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.end()


def changed(syntax: str, place: int, value: int) -> bytes:
    """A file of which one byte of the compressed picture, from its beginning on, is another."""
    content = bytearray(compressed(syntax, 24, 20))
    begin = content.index(b"\xff\x4f" if "2000" in syntax else b"\xff\xd8")
    assert content[begin + place] != value
    content[begin + place] = value
    return bytes(content)


DEADLY = {
    "bits of a JPEG 2000 picture": ("JPEG2000", 42, 64),
    "bits of a JPEG-LS picture": ("JPEGLSLossless", 6, 64),
    "no marker of a JPEG table": ("JPEGBaselineProcess1", 2, 0),
    "components of a JPEG picture": ("JPEGBaselineProcess1", 75, 64),
}
"""Bytes on which GDCM aborts, on the last one with a segmentation fault (python-gdcm 3.2.6)."""


@pytest.mark.parametrize("what", DEADLY)
def test_a_file_that_ends_its_decoder_is_one_that_cannot_be_read(what: str, whole: bytes) -> None:
    with pytest.raises(UnreadableXray, match=r"^its decoder ended with signal (6|11)$"):
        read_dicom(changed(*DEADLY[what]))
    assert read_dicom(whole).shape == (24, 20)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_it_reads_what_this_process_would(syntax: str) -> None:
    content = compressed(syntax, 24, 20)
    np.testing.assert_array_equal(read_dicom(content), picture_here(content).grey_HW)


def test_one_file_after_the_other(started: Decoder, whole: bytes) -> None:
    expected = picture_here(whole).grey_HW
    for content in (whole, whole[:-40], whole):
        if content == whole:
            np.testing.assert_array_equal(started.read(content)[0], expected)
        else:
            with pytest.raises(UnreadableXray, match="cut off"):
                started.read(content)


def test_notes_come_through(tmp_path: Path) -> None:
    pixels = default_rng(0).integers(0, 4096, (24, 20)).astype(np.uint16)
    plain = content_of(dataset_of(pixels, WindowCenter=0, WindowWidth=0))
    content = encoded_by_gdcm(plain, "JPEG2000Lossless", tmp_path)
    found = decoder.read_apart(content)
    assert found[1] == picture_here(content).note != ""


def test_a_decoder_that_died_between_two_files_is_replaced(whole: bytes) -> None:
    read_dicom(whole)
    idle = decoder._idle[os.getpid()]
    for each in idle:
        os.kill(each.pid, signal.SIGKILL)
    assert read_dicom(whole).shape == (24, 20)
    assert all(each.lives() for each in idle)


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGABRT, "^signal 6$"),
        (signal.SIGKILL, r"^signal 9 \(memory may have run out\)$"),
        (signal.SIGVTALRM, f"^computing for more than {MOST_SECONDS} s$"),
    ],
)
def test_how_it_died_is_said(
    started: Decoder, whole: bytes, number: signal.Signals, how: str
) -> None:
    os.kill(started.pid, number)
    with pytest.raises(DecoderDied, match=how):
        started.read(whole)


class Killed(Decoder):
    """One that the system kills as soon as it has work."""

    def read(self, content: bytes) -> tuple[NDArray[np.uint8], str]:
        os.kill(self.pid, signal.SIGKILL)
        return super().read(content)


def test_a_machine_that_is_short_of_memory_makes_no_file_unreadable(
    whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder._end_all()
    monkeypatch.setattr(decoder, "Decoder", Killed)
    with pytest.raises(NoDecoder, match="its decoder ended with signal 9"):
        read_dicom(whole)


def test_nor_does_one_that_starts_no_process(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder._end_all()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(NoDecoder, match="can't be started: No such file"):
        read_dicom(whole)


def test_a_library_that_computes_for_too_long_is_ended() -> None:
    code = (
        "from nas.data.xray import decoder\n"
        "decoder.MOST_SECONDS = 0.1\n"
        "with decoder._limit('ITIMER_VIRTUAL'):\n"
        "    sum(range(10**12))\n"
    )
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -signal.SIGVTALRM


def test_threads_read_at_the_same_time(whole: bytes) -> None:
    other = compressed("JPEGLSLossless", 30, 40)
    contents = [whole, other, whole[:-40]] * 8
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(_shape_or_reason, contents))
    assert found == [(24, 20), (30, 40), "a DICOM file that is cut off"] * 8
    assert len(decoder._idle[os.getpid()]) <= 3


def test_another_thread_may_take_the_last_decoder_at_any_moment(
    whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raced(list[Decoder]):
        def __bool__(self) -> bool:
            return True  # as it was a moment ago

    monkeypatch.setitem(decoder._idle, os.getpid(), Raced())
    assert read_dicom(whole).shape == (24, 20)
    decoder._end_all()


def _shape_or_reason(content: bytes) -> tuple[int, ...] | str:
    try:
        return read_dicom(content).shape
    except UnreadableXray as error:
        return str(error)


@pytest.mark.slow
def test_decoders_end_with_their_parent(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(whole)
    code = (
        "import os, signal, sys; from nas.data.xray import decoder, dicom\n"
        f"dicom.read_dicom(open({str(path)!r}, 'rb').read())\n"
        "print(decoder._idle[os.getpid()][0].pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL) if sys.argv[1:] else None\n"
    )
    for kill in ([], ["kill"]):
        done = subprocess.run([sys.executable, "-c", code, *kill], capture_output=True, text=True)
        assert done.stderr == ""
        pid = int(done.stdout)
        for _ in range(3_000):  # a minute of sleep, for a test that would hang
            if not Path(f"/proc/{pid}/stat").exists():
                break
            time.sleep(0.02)
        else:
            raise AssertionError(f"{pid} still lives")


def test_no_module_of_the_current_folder_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    (tmp_path / "pydicom.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert "" not in sys.path
    started = Decoder()
    assert started.read(whole)[0].shape == (24, 20)
    started.end()
