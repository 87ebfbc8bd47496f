"""How long networks take on this machine, in the runtime that they are to run in."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from torch import nn

from nas.device.latency import Latency, LatencyRatio
from nas.errors import NasError
from nas.export.executorch import write_executorch
from nas.export.onnx import write_onnx
from nas.export.parity import parts
from nas.export.run import ExportGraph
from nas.export.running_file import PeakMemory, RunningFile
from nas.export.targets import SUFFIXES, Target
from nas.export.torch_program import write_program
from nas.machine import processor, usable_cores
from nas.macs.architecture import count_architecture
from nas.macs.count import MacsReport, count_macs
from nas.model.build import build_network
from nas.model.reference import counted_network
from nas.spec.architecture import ArchitectureSpec, load_architecture
from nas.spec.definition import InputSpec
from nas.spec.quantity import count_text
from nas.text_table import aligned
from nas.train.exported import ONNX, open_exported
from nas.train.trained import load_trained
from nas.train.weights import folded_copy

Runtime = Literal["torch", "onnxruntime", "executorch"]
_TARGETS: dict[Runtime, Target] = {
    "torch": "torch",
    "onnxruntime": "onnx",
    "executorch": "executorch",
}
_RUNTIMES: dict[str, Runtime] = {SUFFIXES[target]: name for name, target in _TARGETS.items()}
_WARM_UP = 0.3
"""Seconds of runs that don't count."""
_ROUND = 0.1
"""Seconds that a round takes about."""
_ROUNDS = 12
_FEWEST, _MOST = 3, 2_000
"""Runs of a round."""


@dataclass(frozen=True, eq=False)
class MeasuredNetwork:
    """How long a network takes, beside what else it costs."""

    name: str
    runtime: Runtime
    threads: int
    batch: int
    latency: Latency
    size_bytes: int
    """Of its file."""
    memory: PeakMemory | None
    """Of the process; None where the system does not say it."""
    cost: MacsReport | None
    """None for a file that does not say what it is of."""

    def lines(self) -> list[str]:
        """A table of all of it."""
        low, middle, high = (1e3 * value for value in self.latency.quantiles)
        rows = [
            ("latency", f"{middle:.3f} ms, 10 to 90 %: {low:.3f} to {high:.3f} ms"),
            ("measured", f"{self.latency.runs:,} runs in {len(self.latency.rounds)} rounds"),
            ("file", count_text(self.size_bytes, "B")),
        ]
        if self.memory is not None:
            before, total = self.memory.runtime_bytes, self.memory.total_bytes
            rows.append(
                ("peak memory", f"{count_text(total, 'B')}, {count_text(before, 'B')} before it")
            )
        if self.cost is not None:
            memory = self.cost.memory
            rows += [
                ("MACs", count_text(self.cost.total)),
                ("parameters", count_text(self.cost.parameters)),
                ("activations", f"{count_text(memory.ram_float32, 'B')} at float32, a bound"),
            ]
        lines = [self.name, *(f"  {line}" for line in aligned(rows, left=(0, 1)))]
        if self.latency.noisy:
            lines.append(f"  {_noise(self.latency)}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        cost = self.cost
        return {
            "network": self.name,
            "runtime": self.runtime,
            "threads": self.threads,
            "batch": self.batch,
            **self.latency.as_json(),
            "size_bytes": self.size_bytes,
            "peak_memory": None if self.memory is None else asdict(self.memory),
            "macs": None if cost is None else cost.total,
            "parameters": None if cost is None else cost.parameters,
            "ram_float32_bytes": None if cost is None else cost.memory.ram_float32,
        }


def _noise(latency: Latency) -> str:
    return (
        f"TOO NOISY TO TELL: the rounds' medians differ by {latency.spread:.0%}; "
        "measure again on a quiet machine"
    )


@dataclass(frozen=True, eq=False)
class LatencyReport:
    """One network, or two that took turns."""

    networks: tuple[MeasuredNetwork, ...]
    machine: str
    """Its processor."""

    @property
    def ratio(self) -> LatencyRatio | None:
        """Of the first to the second of two."""
        if len(self.networks) != 2:
            return None
        return LatencyRatio.of(*(network.latency for network in self.networks))

    def lines(self) -> list[str]:
        """As `nas latency` prints it."""
        first = self.networks[0]
        setting = f"threads {first.threads}, batch {first.batch}"
        runtimes = " and ".join(dict.fromkeys(network.runtime for network in self.networks))
        lines = [f"{runtimes} on {self.machine}, {setting}"]
        for network in self.networks:
            lines += network.lines()
        if self.ratio is not None:
            low, middle, high = self.ratio.quantiles
            text = f"ratio {middle:.3f}, 10 to 90 %: {low:.3f} to {high:.3f}"
            lines.append(text + (": too close to tell" if self.ratio.undecided else ""))
        return lines

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        ratio = self.ratio
        return {
            "machine": self.machine,
            "networks": [network.as_json() for network in self.networks],
            "ratio": None if ratio is None else ratio.as_json(),
        }


def measure_latency(
    *networks: str | Path | ArchitectureSpec,
    runtime: Runtime = "onnxruntime",
    threads: int = 1,
    batch: int = 1,
    size: InputSpec | None = None,
) -> LatencyReport:
    """How long one network takes for a batch on this machine, or two, whose runs take turns.

    Each runs as a file that `nas export` writes, in a process of its own with as many cores as
    threads. After a warm-up there are 12 rounds of about a tenth of a second, A B A B of two.

    Args:
        networks: A run's folder, an architecture or its file (with random weights, which take as
            long), `torchvision:NAME`, `timm:NAME`, or an exported file, whose runtime is its own.
        size: Input of a library's network. None: 3x224x224.

    Raises NasError for what can't be read, exported or run, and for more threads than cores.
    """
    if not 1 <= len(networks) <= 2:
        raise ValueError(f"{len(networks)} networks; one or two are measured")
    if not 1 <= threads <= usable_cores():
        problem = f"{threads} is not allowed; this process may use {usable_cores()} cores"
        raise NasError(problem, key="--threads")
    if batch < 1:
        raise NasError(f"{batch} is not allowed; a batch has 1 sample or more", key="--batch")
    with TemporaryDirectory(prefix="nas-latency-") as folder, ExitStack() as stack:
        files = [
            _file_of(network, runtime, size, Path(folder, str(place)))
            for place, network in enumerate(networks)
        ]
        running = []
        for file in files:
            if batch != 1 and _RUNTIMES[file.path.suffix] == "executorch":
                raise NasError("executorch runs single samples: give 1", key="--batch")
            opened = RunningFile(file.path, threads=threads, batch=batch)
            running.append(stack.enter_context(opened))
        latencies = take_turns(running)
        measured = tuple(
            MeasuredNetwork(
                file.name,
                _RUNTIMES[file.path.suffix],
                threads,
                batch,
                latency,
                file.path.stat().st_size,
                process.memory(),
                file.cost,
            )
            for file, latency, process in zip(files, latencies, running, strict=True)
        )
    return LatencyReport(measured, processor())


def take_turns(running: Sequence[RunningFile]) -> list[Latency]:
    """The latency of each of some files, warmed up, whose rounds take turns."""
    counts = [_runs_of_a_round(process) for process in running]
    rounds: list[list[tuple[float, ...]]] = [[] for _ in running]
    for _ in range(_ROUNDS):
        for process, count, own in zip(running, counts, rounds, strict=True):
            own.append(tuple(process.seconds(count)))
    return [Latency(tuple(own)) for own in rounds]


def _runs_of_a_round(process: RunningFile) -> int:
    """How many runs take about a round's time, after a warm-up."""
    spent, count = 0.0, 1
    while True:
        seconds = process.seconds(count)
        spent += sum(seconds)
        if spent >= _WARM_UP:
            typical = sorted(seconds)[len(seconds) // 2]
            return min(max(ceil(_ROUND / max(typical, 1e-9)), _FEWEST), _MOST)
        count = min(2 * count, _MOST)


@dataclass(frozen=True, eq=False)
class _NetworkFile:
    name: str
    path: Path
    cost: MacsReport | None


def _file_of(
    network: str | Path | ArchitectureSpec, runtime: Runtime, size: InputSpec | None, folder: Path
) -> _NetworkFile:
    """The file that is run; written into the folder where there is none yet."""
    if isinstance(network, ArchitectureSpec):
        return _written(network.name, network, build_network(network), runtime, folder)
    path = Path(network)
    if path.suffix in _RUNTIMES:
        if not path.is_file():
            raise NasError("no such file", file=path)
        cost = count_architecture(open_exported(path).architecture) if _says_what(path) else None
        return _NetworkFile(path.name, path, cost)
    if path.is_dir():
        trained = load_trained(path, torch.device("cpu"))
        return _written(str(path), trained.architecture, trained.network, runtime, folder)
    if ":" in str(network) and not path.exists():
        module = counted_network(str(network), input_size=_sides(size))
        return _written(str(network), size, module, runtime, folder)
    architecture = load_architecture(path, input_size=None if size is None else _sides(size))
    return _written(str(path), architecture, build_network(architecture), runtime, folder)


def _says_what(path: Path) -> bool:
    """Whether the file is an ONNX file of a network of ours."""
    if path.suffix != ONNX:
        return False
    try:
        return open_exported(path).architecture.model is None
    except NasError:
        return False


def _sides(size: InputSpec | None) -> tuple[int, int]:
    return (224, 224) if size is None else (size.height, size.width)


def _written(
    name: str,
    what: ArchitectureSpec | InputSpec | None,
    network: nn.Module,
    runtime: Runtime,
    folder: Path,
) -> _NetworkFile:
    """A network's file, as an export has it, and its cost."""
    network = network.eval()
    given = what.input if isinstance(what, ArchitectureSpec) else what
    shape = (3, 224, 224) if given is None else given.shape
    if isinstance(what, ArchitectureSpec) and what.model is None:
        cost = count_architecture(what)
    else:
        cost = count_macs(network, shape)
    folder.mkdir()
    path = folder / f"network{SUFFIXES[_TARGETS[runtime]]}"
    write_graph(network, shape, path)
    return _NetworkFile(name, path, cost)


def write_graph(network: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """Write a network in eval mode, of inputs (C, H, W), as the file that the path's suffix says.

    Batch normalisation is folded. Raises NasError for what can't be exported.
    """
    graph = ExportGraph(folded_copy(network), None).eval()
    example = torch.zeros(2, *shape)
    with torch.inference_mode():
        names = [f"output{place}" for place, _ in enumerate(parts(graph(example)))]
    if path.suffix == SUFFIXES["onnx"]:
        write_onnx(graph, example, names, {}, path)
    elif path.suffix == SUFFIXES["executorch"]:
        write_executorch(graph, example, path)
    else:
        write_program(graph, example, {}, path)
