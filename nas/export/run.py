"""Export of a finished run: the file is written only if it computes what the network does."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.data.splits import Split
from nas.errors import NasError
from nas.export.int8 import calibration_samples
from nas.export.metadata import Facts, as_metadata, file_facts
from nas.export.parity import SPLIT, TOLERANCE, Parity, compare, parts
from nas.export.running_file import PeakMemory
from nas.export.targets import SUFFIXES, FileRequest, Target, write_file
from nas.files import atomic_file, atomic_write_text
from nas.report.lines import Say
from nas.runs.folder import exclusive
from nas.spec.architecture import ArchitectureSpec
from nas.spec.quantity import count_text
from nas.tasks.base import Task
from nas.tasks.registry import task_named
from nas.train.data import load_measured_data
from nas.train.evaluation import (
    Runs,
    load_runs,
    notes_on_data,
    refuse_other_splits,
    with_chosen_thresholds,
)
from nas.train.exported import InputScale, output_names
from nas.train.source import source_of
from nas.train.trained import TrainedNetwork
from nas.train.weights import folded_copy

MAX_DROP = 0.01
"""What the primary metric of an int8 file may lose, if nothing else is said."""
EXPORT_FILE = "export.json"
"""Of a run's folder: what was measured of each file that left it."""
PROGRAM_FILE = "predict_onnx.py"
"""A program beside the file that predicts with it, without `nas` and without torch."""
_PROGRAMS = {
    "image": "pictures.py",
    "multilabel": "pictures.py",
    "covid-study": "pictures.py",
    "covid-detection": "pictures.py",
    "sed": "sounds.py",
}
"""By task: they know how inputs are prepared, and what outputs mean."""


@dataclass(frozen=True)
class ExportResult:
    """A file that was written, and what was measured of it before."""

    file: Path
    facts: Facts
    """What the file says of itself, and the JSON file beside it."""
    parity: Parity
    size_bytes: int
    weight_bytes: int | None
    """Of what is no part of the graph; None where the format does not tell."""
    float_weight_bytes: int | None
    """Of the same network's float32 file."""
    memory: PeakMemory | None
    runtime: str
    """Name and version of what ran the file."""

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        return {
            "runtime": self.runtime,
            "torch": torch.__version__,
            "size_bytes": self.size_bytes,
            "weight_bytes": self.weight_bytes,
            "float32_weight_bytes": self.float_weight_bytes,
            "peak_memory": None if self.memory is None else vars(self.memory),
            "macs": self.facts["macs"],
            **self.parity.as_json(),
        }


class ExportGraph(nn.Module):
    """What a file computes: a network whose outputs are a tensor or a plain tuple of them.

    With a `scale` it takes raw inputs: pixels as files have them, or spectrograms in dB.
    """

    scale_C11: Tensor
    shift_C11: Tensor

    def __init__(self, network: nn.Module, scale: InputScale | None) -> None:
        super().__init__()
        self.network = network
        self.scale = scale
        if scale is not None:
            self.register_buffer("scale_C11", torch.tensor(scale.scale_C)[:, None, None])
            self.register_buffer("shift_C11", torch.tensor(scale.shift_C)[:, None, None])

    def forward(self, x: Tensor) -> Any:
        """The network's outputs for (N, C, H, W), of pixels for (N, H, W, C)."""
        if self.scale is not None:
            x = x.permute(0, 3, 1, 2).float() if self.scale.pixels else x
            x = x * self.scale_C11 + self.shift_C11
        outputs = self.network(x)
        return tuple(outputs) if isinstance(outputs, tuple) else outputs


def export_run(
    runs: Runs,
    *,
    to: Target = "onnx",
    int8: bool = False,
    max_drop: float = MAX_DROP,
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
        to: `onnx`; `executorch`, for single samples; `torch`, a program of `torch.export`.
        int8: Weights and activations of 8 bits, whose ranges are measured on 256 samples of the
            training split. The outputs then differ; what counts is the metric.
        max_drop: What the primary metric of an int8 file may lose on the validation split.
        with_preprocess: Put scale, mean and deviation into the file, which then takes pixels as
            they are (uint8, N H W C) or spectrograms in dB.
        data: Where the validation split is. None: the data that the network was trained on.
        out: The file. None: in the run's folder `model.onnx`, `model-int8.onnx`,
            `model-executorch.pte` and so on.
        say: Is told what was measured, a line at a time.

    Raises NasError for float32 outputs that differ by more than 1e-4, for a metric that falls by
    more than `max_drop`, for a network that can't be exported and where a package is missing; no
    file is left then.
    """
    trained = load_runs(runs, "cpu")
    for member in trained.members:
        if member.run.is_file():
            raise NasError("is exported already; give its run's folder", file=member.run)
    task = task_named(trained.architecture.task)
    folder, path = _places(runs, trained, None if out is None else Path(out), to, int8=int8)
    splits: tuple[Split, ...] = ("train", SPLIT) if int8 else (SPLIT,)
    source = source_of(trained.architecture, None if data is None else Path(data))
    refuse_other_splits(trained.members, source)
    loaded = load_measured_data(trained, source, splits)
    for line in notes_on_data(trained, task, loaded, splits, source):
        say(line)
    if task.needs_thresholds and not trained.thresholds:
        trained, _ = with_chosen_thresholds(trained, loaded)
    scale = _scale_of(trained.architecture) if with_preprocess else None
    graph = ExportGraph(folded_copy(trained.network), scale).eval()
    raw, outputs = _example(graph, loaded, task, scale)
    batch = 1 if to == "executorch" else "batch"
    facts = file_facts(trained, raw, outputs, batch, normalises=with_preprocess, int8=int8)
    names = output_names(task.output_type)
    samples = None
    if int8:
        drawn = calibration_samples(loaded, task)
        samples = drawn if scale is None else scale.raw(drawn)
    request = FileRequest(graph, raw, names, as_metadata(facts), samples, task.output_type, scale)
    with TemporaryDirectory(prefix="nas-export-") as temporary:
        file = write_file(to, request, Path(temporary))
        parity = compare(trained.network, file.network, loaded, task, trained.thresholds, names)
        content = file.path.read_bytes()
        result = ExportResult(
            path,
            facts,
            parity,
            file.size_bytes,
            file.weight_bytes,
            file.float_weight_bytes,
            file.memory,
            file.runtime,
        )
    for line in _lines(result):
        say(line)
    try:
        parity.refuse_drop(max_drop) if int8 else parity.refuse_beyond(TOLERANCE)
    except NasError as error:
        if not path.exists():
            raise
        problem = f"{error.problem}; the file that is there is an older one"
        raise NasError(problem, file=path, key=error.key) from error
    text = json.dumps({"file": path.name, **facts}, indent=2, ensure_ascii=False)
    program = _program(trained.architecture) if to == "onnx" else None
    with atomic_file(path) as stream:
        stream.write(content)  # a full disk is met before anything is said of the file
        stream.flush()
        atomic_write_text(path.with_suffix(".json"), text + "\n")
        if program is not None:
            atomic_write_text(path.with_name(PROGRAM_FILE), program)
        _record(folder / EXPORT_FILE, result)
    say(f"written: {path}")
    return result


def _scale_of(architecture: ArchitectureSpec) -> InputScale:
    """How the architecture's inputs are normalised. Raises NasError for a kind of one's own."""
    scale = InputScale.of(architecture)
    if scale is None:
        kind = "none" if architecture.preprocess is None else architecture.preprocess.kind
        raise NasError(
            f"preprocessing of the kind {kind} can't be put into a file; allowed: image, mel, xray",
            key="--with-preprocess",
        )
    return scale


def _places(
    runs: Runs, trained: TrainedNetwork, out: Path | None, to: Target, *, int8: bool
) -> tuple[Path, Path]:
    """The run's folder, and the file to write."""
    if isinstance(runs, TrainedNetwork):
        given = [member.run for member in trained.members]
    else:
        given = [Path(runs)] if isinstance(runs, str | Path) else [Path(run) for run in runs]
    name = "mean" if len(given) > 1 else "model"
    name += ("" if to == "onnx" else f"-{to}") + ("-int8" if int8 else "") + SUFFIXES[to]
    if out is not None and out.suffix != SUFFIXES[to]:
        problem = (
            f"{out.name!r} is no name of such a file: with --to {to} it ends in {SUFFIXES[to]}"
        )
        raise NasError(problem, key="--out")
    if out is not None:
        _refuse_place(out)
    return given[0], given[0] / name if out is None else out


def _refuse_place(out: Path) -> None:
    """Raises NasError for a folder, and where the JSON file beside it would replace another."""
    if out.is_dir():
        raise NasError("is a folder; give the name of a file", file=out, key="--out")
    beside = out.with_suffix(".json")
    if beside.name == EXPORT_FILE or (beside.exists() and not _is_of_export(beside)):
        problem = f"{beside.name} would be written beside it, and is another file's name already"
        raise NasError(f"{problem}; give another name", file=out, key="--out")


def _is_of_export(file: Path) -> bool:
    """Whether a JSON file says what an exported file is."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and {"file", "inputs", "outputs", "architecture"} <= set(said)


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
    size = f"{result.size_bytes / 1e6:.3f} MB"
    if result.weight_bytes is not None and result.float_weight_bytes:
        rest = result.size_bytes - result.weight_bytes
        share = f" ({result.weight_bytes / result.float_weight_bytes:.0%} of float32's)"
        size += (
            f", of it weights {result.weight_bytes / 1e6:.3f} MB{share if facts['int8'] else ''}, "
            f"graph and metadata {rest / 1e6:.3f} MB"
        )
    lines = [
        f"{facts['name']}: {count_text(facts['macs'])} MACs, {count_text(facts['parameters'])} "
        f"parameters; {size}",
        f"PyTorch, and the file in {result.runtime}, on the {parity.differences.samples} samples "
        f"of the {SPLIT} split:",
        *(f"  {line}" for line in parity.lines()),
    ]
    if memory is not None:
        lines.append(
            f"  peak memory of a process that runs it: {memory.total_bytes / 1e6:.0f} MB, "
            f"{memory.runtime_bytes / 1e6:.0f} MB of them before it is read"
        )
    return lines


def _program(architecture: ArchitectureSpec) -> str | None:
    """The program for its task; None for a task of one's own."""
    name = _PROGRAMS.get(architecture.task)
    if name is None:
        return None
    return (Path(__file__).parent / "standalone" / name).read_text(encoding="utf-8")


def _record(file: Path, result: ExportResult) -> None:
    """Add what was measured to `export.json`, by the file's name; another export may do so too."""
    inside = result.file.parent.resolve() == file.parent.resolve()
    name = result.file.name if inside else str(result.file)
    with exclusive(file.parent / ".export"):
        try:
            known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        except ValueError as error:
            problem = "is no JSON any more: delete it, then export again"
            raise NasError(problem, file=file) from error
        text = json.dumps({**known, name: result.as_json()}, indent=2, allow_nan=False)
        atomic_write_text(file, text + "\n")
