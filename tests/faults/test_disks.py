"""Disks that fill at every write of a run, and that can't be written at all: small ones in memory.

Each test prints what it tried, how often, and what was lost. They mount, and so need root.
"""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from nas.cli.predict import predict
from nas.cli.search import search
from nas.cli.train import train
from nas.errors import NasError
from nas.search.journal import open_study
from nas.search.trials import records_of
from tests.cli.conftest import ARCHITECTURE, invoke, write_photos

pytestmark = pytest.mark.slow

SIZE = 4 * 1024**2
STEP = 8 * 1024
"""Bytes: two pages of such a disk."""

SPACE = """
name: few
input: {channels: 3, height: 8, width: 8}
layers:
  - {block: Conv, out: [8, 16], kernel: 3, stride: 2, activation: [ReLU, Hardswish]}
  - {block: GlobalAvgPool}
search: {trials: 3, finalists: 0, stop: none}
training: {epochs: 1, batch_size: 32}
"""


class Disk:
    """A disk of 4 MiB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, room: int) -> None:
        """Remove all, and leave so many bytes."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._ballast.write_bytes(bytes(SIZE - room))

    def free(self) -> None:
        """Leave the room that the ballast took."""
        self._ballast.unlink()

    def may_be_written(self, allowed: bool) -> None:
        """Make it a disk that can, or can't, be written."""
        way = "rw" if allowed else "ro"
        subprocess.run(["mount", "-o", f"remount,{way}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def told(result: Result, folder: Path) -> str:
    """The file of the folder that the message names."""
    error = result.exception
    assert isinstance(error, OSError | NasError), result.output
    if isinstance(error, OSError):
        assert error.errno is not None
        place = str(error.filename)
    else:
        place = str(error.file)
    assert place.startswith(str(folder)), f"{error!r} names no file of {folder}"
    return Path(place).name


def no_rest(folder: Path) -> None:
    """Nothing that is half written stays."""
    assert not [path for path in folder.rglob(".*") if path.suffix == ".tmp"]


def tried(
    disk: Disk,
    room: int,
    call: tuple[object, ...],
    counts: Counter[str],
    places: Counter[str],
) -> Result:
    """What a command came to on a disk with so much room, which is then given more."""
    disk.leave(room)
    result = invoke(*call)
    counts["tried"] += 1
    if result.exception is not None:
        places[told(result, disk.folder)] += 1
    no_rest(disk.folder)
    disk.free()
    return result


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos", {"train": 6, "val": 3, "test": 3})
    return tmp_path / "photos"


@pytest.fixture
def training(tmp_path: Path, photos: Path) -> tuple[object, ...]:
    """The arguments of a short training."""
    (tmp_path / "small.yaml").write_text(ARCHITECTURE)
    return ("--arch", tmp_path / "small.yaml", "--data", photos, "--epochs", 2, "--threads", 1)


def test_a_training_goes_on_wherever_the_disk_was_full(
    disk: Disk, tmp_path: Path, training: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(train, *training, "--out", tmp_path / "run").exception is None
    whole = (tmp_path / "run" / "model.safetensors").read_bytes()
    measured = json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    out = disk.folder / "run"
    counts: Counter[str] = Counter()
    places: Counter[str] = Counter()
    complete = False
    for room in range(0, SIZE, STEP):
        result = tried(disk, room, (train, *training, "--out", out), counts, places)
        complete = result.exception is None and {path.name for path in out.iterdir()} == names
        if not (out / "metrics.json").exists():
            begun = (out / "training.yaml").exists()
            counts["resumed" if begun else "begun again"] += 1
            go_on = ("--resume", out, "--threads", 1) if begun else (*training, "--out", out)
            result = invoke(train, *go_on)
            assert result.exception is None, (room, result.output, result.exception)
        assert (out / "model.safetensors").read_bytes() == whole
        assert json.loads((out / "metrics.json").read_text())["test"] == measured
        if complete:
            break
    assert complete
    with capsys.disabled():
        print(
            f"\ntraining, disks of 0 to {room} bytes: tried {counts['tried']} times, full at "
            f"{dict(places)}; begun again {counts['begun again']} times, resumed "
            f"{counts['resumed']} times; lost: nothing"
        )


def test_a_search_goes_on_wherever_the_disk_was_full(
    disk: Disk, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "few.yaml").write_text(SPACE)
    arguments = ("--space", tmp_path / "few.yaml", "--data", photos, "--workers", 1)
    out = disk.folder / "run"
    counts: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for room in (0, 4_096, 8_192, 12_288, 24_576, 49_152, 98_304):
        tried(disk, room, (search, *arguments, "--out", out), counts, places)
        done = finished(out)
        begun = (out / "settings.yaml").exists()
        counts["resumed" if begun else "begun again"] += 1
        go_on = ("--resume", out) if begun else (*arguments, "--out", out)
        result = invoke(search, *go_on)
        assert result.exception is None, (room, result.output, result.exception)
        after = finished(out)
        counts["lost"] += len(set(done.items()) - set(after.items()))
        assert len(after) == 3
        assert (out / "best.yaml").exists()
        assert (out / "report.html").exists()
    with capsys.disabled():
        print(
            f"\nsearch, 7 disks of 0 to 98,304 bytes: tried {counts['tried']} times, full at "
            f"{dict(places)}; begun again {counts['begun again']} times, resumed "
            f"{counts['resumed']} times; finished trials lost: {counts['lost']}"
        )
    assert counts["lost"] == 0


def finished(folder: Path) -> dict[int, float | None]:
    """The metric of each trained network, by its trial."""
    if not (folder / "study.log").exists():
        return {}
    records = records_of(open_study(folder / "study.log"))
    return {item.number: item.metric for item in records if item.state == "trained"}


def test_an_old_output_stays_where_the_new_one_has_no_room(
    disk: Disk, tmp_path: Path, training: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(train, *training, "--out", tmp_path / "run").exception is None
    pictures = tmp_path / "photos" / "test"
    out = disk.folder / "out.json"
    disk.leave(64 * 1024)
    assert invoke(predict, tmp_path / "run", pictures, "--out", out).exception is None
    old = out.read_bytes()
    (disk.folder / "more").write_bytes(bytes(64 * 1024 - len(old) // 4096 * 4096 - 4096))
    assert told(invoke(predict, tmp_path / "run", pictures, "--out", out), disk.folder)
    assert out.read_bytes() == old
    no_rest(disk.folder)
    with capsys.disabled():
        print("\npredictions over older ones on a full disk: tried once; lost: nothing")


def test_disks_that_can_not_be_written(
    disk: Disk,
    tmp_path: Path,
    photos: Path,
    training: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk.leave(SIZE)
    begun = disk.folder / "begun"
    run = tmp_path / "run"
    assert invoke(train, *training, "--out", run).exception is None
    shutil.copytree(run, begun)
    (begun / "metrics.json").unlink()
    (tmp_path / "few.yaml").write_text(SPACE)
    disk.may_be_written(False)
    before = sorted(disk.folder.rglob("*"))
    new = disk.folder / "new"
    tried = [
        invoke(train, *training, "--out", new),
        invoke(train, "--resume", begun),
        invoke(search, "--space", tmp_path / "few.yaml", "--data", photos, "--out", new),
        invoke(predict, run, photos / "test", "--out", new),
        invoke(predict, run, photos / "test", "--out", new / "below" / "x.csv"),
    ]
    places = Counter(told(result, disk.folder) for result in tried)
    assert set(places) <= {"new", ".lock"}
    # Neither the cache nor the data need be written.
    monkeypatch.setenv("NAS_CACHE", str(disk.folder / "cache"))
    shutil.rmtree(run)
    assert invoke(train, *training, "--out", run).exception is None
    assert sorted(disk.folder.rglob("*")) == before
    disk.may_be_written(True)
    result = invoke(train, "--resume", begun)
    assert result.exception is None, result.output
    with capsys.disabled():
        print(
            f"\nfolders that can't be written: tried {len(tried) + 1} times, told at "
            f"{dict(places)}, a cache passed over; lost: nothing"
        )
