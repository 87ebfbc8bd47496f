"""Export of a finished run: the file is written only if it computes what the network does."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.errors import NasError
from nas.export.metadata import Facts, as_metadata, file_facts
from nas.export.normalised import WithNormalisation, scale_of
from nas.export.onnx import weight_bytes, write_onnx
from nas.export.parity import SPLIT, TOLERANCE, Parity, PeakMemory, compare, parts
from nas.files import atomic_write_bytes, atomic_write_text
from nas.report.lines import Say
from nas.spec.architecture import ArchitectureSpec
from nas.spec.quantity import count_text
from nas.tasks.base import Task
from nas.tasks.registry import task_named
from nas.train.data import load_measured_data
from nas.train.evaluation import Runs, load_runs, refuse_other_splits, with_chosen_thresholds
from nas.train.exported import ExportedNetwork, InputScale, OnnxNetwork, output_names
from nas.train.source import source_of
from nas.train.trained import TrainedNetwork
from nas.train.weights import folded_copy

Target = Literal["onnx"]
"""Kinds of files."""
EXPORT_FILE = "export.json"
"""Of a run's folder: what was measured of each file that left it."""


PROGRAM_FILE = "predict_onnx.py"
"""A program beside the file that predicts with it, without `nas` and without torch."""
_PROGRAMS = {"image": "pictures.py", "xray": "pictures.py", "mel": "sounds.py"}
"""By kind of preprocessing."""


@dataclass(frozen=True)
class ExportResult:
    """A file that was written, and what was measured of it before."""

    file: Path
    facts: Facts
    """What the file says of itself, and the JSON file beside it."""
    parity: Parity
    size_bytes: int
    weight_bytes: int
    memory: PeakMemory | None

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        memory = None if self.memory is None else vars(self.memory)
        return {
            "runtime": f"onnxruntime {version('onnxruntime')}",
            "torch": torch.__version__,
            "size_bytes": self.size_bytes,
            "weight_bytes": self.weight_bytes,
            "peak_memory": memory,
            "macs": self.facts["macs"],
            **self.parity.as_json(),
        }


def export_run(
    runs: Runs,
    *,
    to: Target = "onnx",
    with_preprocess: bool = False,
    data: str | Path | None = None,
    out: str | Path | None = None,
    say: Say = print,
) -> ExportResult:
    """Write a finished network as a file for another runtime, if it was shown to compute the same.

    The file is run in its own runtime on the whole validation split and compared with PyTorch
    before it gets its name. Beside it stand a JSON file with what a program needs to know and
    `predict_onnx.py`, a program of one page that predicts with it; in the run's folder
    `export.json` has what was measured.

    Args:
        runs: As for `evaluate`; several are one file with the mean of their probabilities.
        to: `onnx`.
        with_preprocess: Put scale, mean and deviation into the file, which then takes pixels as
            they are (uint8, N H W C) or spectrograms in dB.
        data: Where the validation split is. None: the data that the network was trained on.
        out: The file. None: `model.onnx` in the run's folder.
        say: Is told what was measured, a line at a time.

    Raises NasError for outputs that differ by more than 1e-4, for a network that can't be exported
    and where a package is missing; no file is left then.
    """
    trained = load_runs(runs, "cpu")
    if isinstance(trained.network, ExportedNetwork):
        raise NasError("is exported already; give its run's folder", file=trained.members[0].run)
    task = task_named(trained.architecture.task)
    folder, path = _places(runs, trained, None if out is None else Path(out))
    loaded = _data(trained, task, data)
    if task.needs_thresholds and not trained.thresholds:
        trained, _ = with_chosen_thresholds(trained, loaded)
    scale = scale_of(trained.architecture) if with_preprocess else None
    graph = _graph(trained, scale)
    raw, outputs = _example(graph, loaded, task, scale)
    facts = file_facts(trained, raw, outputs, normalises=with_preprocess)
    names = output_names(task.output_type)
    with TemporaryDirectory(prefix="nas-export-") as temporary:
        written = Path(temporary) / path.name
        write_onnx(graph, raw, names, as_metadata(facts), written)
        exported = OnnxNetwork(written, task.output_type, scale)
        parity = compare(trained.network, exported, loaded, task, trained.thresholds, names)
        content = written.read_bytes()
        result = ExportResult(
            path, facts, parity, len(content), weight_bytes(written), PeakMemory.measured(written)
        )
    for line in _lines(result):
        say(line)
    parity.refuse_beyond(TOLERANCE)
    text = json.dumps({"file": path.name, **facts}, indent=2, ensure_ascii=False)
    atomic_write_text(path.with_suffix(".json"), text + "\n")
    if (program := _program(trained.architecture)) is not None:
        atomic_write_text(path.with_name(PROGRAM_FILE), program)
    _record(folder / EXPORT_FILE, result)
    atomic_write_bytes(path, content)
    say(f"written: {path}")
    return result


def _places(runs: Runs, trained: TrainedNetwork, out: Path | None) -> tuple[Path, Path]:
    """The run's folder, and the file to write."""
    if isinstance(runs, TrainedNetwork):
        given = [member.run for member in trained.members]
    else:
        given = [Path(runs)] if isinstance(runs, str | Path) else [Path(run) for run in runs]
    folder = given[0]
    if out is None:
        return folder, folder / ("mean.onnx" if len(given) > 1 else "model.onnx")
    if out.suffix != ".onnx":
        raise NasError(f"{out.name!r} is no name of an ONNX file: it ends in .onnx", key="--out")
    return folder, out


def _data(trained: TrainedNetwork, task: Task[Any], given: str | Path | None) -> AnyTaskData:
    source = source_of(trained.architecture, None if given is None else Path(given))
    refuse_other_splits(trained.members, source)
    return load_measured_data(trained, source, (SPLIT,))


def _graph(trained: TrainedNetwork, scale: InputScale | None) -> nn.Module:
    """What is written: batch normalisation folded, the input's scale before it if it is given."""
    network = folded_copy(trained.network)
    return (network if scale is None else WithNormalisation(network, scale)).eval()


def _example(
    graph: nn.Module, data: AnyTaskData, task: Task[Any], scale: InputScale | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Two inputs in the form that the file takes, and the outputs for them."""
    x_NCHW, _ = next(task.evaluation_batches(data, SPLIT, torch.device("cpu")))
    x_NCHW = x_NCHW[:1].repeat(2, 1, 1, 1).contiguous()
    raw = x_NCHW if scale is None else scale.raw(x_NCHW).contiguous()
    with torch.inference_mode():
        return raw, parts(graph(raw))


def _lines(result: ExportResult) -> list[str]:
    facts, parity, memory = result.facts, result.parity, result.memory
    rest = result.size_bytes - result.weight_bytes
    lines = [
        f"{facts['name']}: {count_text(facts['macs'])} MACs, {count_text(facts['parameters'])} "
        f"parameters; {result.size_bytes / 1e6:.3f} MB, of it weights "
        f"{result.weight_bytes / 1e6:.3f} MB, graph and metadata {rest / 1e6:.3f} MB",
        f"PyTorch and the file on the {parity.differences.samples} samples of the {SPLIT} split:",
        *(f"  {line}" for line in parity.lines()),
    ]
    if memory is not None:
        lines.append(
            f"  peak memory of a process that runs it: {memory.total_bytes / 1e6:.0f} MB, "
            f"{memory.runtime_bytes / 1e6:.0f} MB of them before it is read"
        )
    return lines


def _program(architecture: ArchitectureSpec) -> str | None:
    """The program for its kind of data; None for a kind of one's own."""
    kind = "" if architecture.preprocess is None else architecture.preprocess.kind
    if kind not in _PROGRAMS:
        return None
    return (Path(__file__).parent / "standalone" / _PROGRAMS[kind]).read_text(encoding="utf-8")


def _record(file: Path, result: ExportResult) -> None:
    """Add what was measured to `export.json`, by the file's name."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    inside = result.file.parent.resolve() == file.parent.resolve()
    name = result.file.name if inside else str(result.file)
    text = json.dumps({**known, name: result.as_json()}, indent=2, allow_nan=False)
    atomic_write_text(file, text + "\n")
