"""Files that run in processes of their own, in the real runtimes; nothing here judges a time."""

import sys
from pathlib import Path

import pytest
from torch import nn

from nas.errors import NasError
from nas.export.latency import measure_latency, write_graph
from nas.export.running_file import PeakMemory, RunningFile
from nas.machine import usable_cores
from nas.macs.architecture import count_architecture
from nas.spec.architecture import load_architecture

pytest.importorskip("onnxruntime")


@pytest.fixture
def architecture(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(
        "input: {channels: 3, height: 8, width: 8}\nclasses: 2\n"
        "layers:\n- {block: Conv, out: 8}\n- {block: GlobalAvgPool}\n"
    )
    return file


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("files") / "net.onnx"
    write_graph(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).eval(), (3, 6, 6), file)
    return file


def test_a_file_runs_as_often_as_it_is_told_with_any_batch(onnx: Path) -> None:
    with RunningFile(onnx, batch=5) as one, RunningFile(onnx) as other:
        assert [len(one.seconds(3)), len(other.seconds(1)), len(one.seconds(2))] == [3, 1, 2]
        assert all(seconds > 0 for seconds in one.seconds(4))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_peak_of_memory_is_the_process_s(onnx: Path) -> None:
    memory = PeakMemory.measured(onnx)
    assert memory is not None
    assert 10e6 < memory.runtime_bytes <= memory.total_bytes


@pytest.mark.slow
def test_a_program_of_torch_runs(tmp_path: Path) -> None:
    file = tmp_path / "net.pt2"
    write_graph(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).eval(), (3, 2, 2), file)
    with RunningFile(file, batch=2) as running:
        assert len(running.seconds(2)) == 2


def test_what_does_not_run_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(NasError, match=r"broken\.onnx: does not run: "):
        RunningFile(broken)


def test_a_report_has_the_costs_beside_the_time(architecture: Path, onnx: Path) -> None:
    report = measure_latency(architecture, onnx)
    ours, foreign = report.networks
    counted = count_architecture(load_architecture(architecture))
    assert ours.cost is not None
    assert (ours.cost.total, ours.cost.parameters) == (counted.total, counted.parameters)
    assert foreign.cost is None
    assert foreign.size_bytes == onnx.stat().st_size
    for network in report.networks:
        low, middle, high = network.latency.quantiles
        assert 0 < low <= middle <= high
        assert len(network.latency.rounds) == 12
    assert report.ratio is not None
    assert len(report.ratio.ratios) == 12
    assert any(line.startswith("ratio ") for line in report.lines())
    assert report.as_json()["networks"][0]["macs"] == counted.total


def test_what_can_not_be_measured(architecture: Path, tmp_path: Path) -> None:
    with pytest.raises(NasError, match="may use"):
        measure_latency(architecture, threads=usable_cores() + 1)
    with pytest.raises(NasError, match="--batch"):
        measure_latency(architecture, batch=0)
    with pytest.raises(NasError, match="no such file"):
        measure_latency(tmp_path / "gone.onnx")
    with pytest.raises(ValueError, match="0 networks"):
        measure_latency()


def test_a_file_for_single_samples_is_for_single_samples(tmp_path: Path) -> None:
    file = tmp_path / "net.pte"
    file.write_bytes(b"not looked at")
    with pytest.raises(NasError, match="single samples"):
        measure_latency(file, batch=2)
