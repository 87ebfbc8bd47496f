"""Kinds of files: how each is written, and run in its own runtime."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.export.executorch import ExecutorchNetwork, write_executorch
from nas.export.int8 import quantise_onnx
from nas.export.onnx import weight_bytes, write_onnx
from nas.export.running_file import PeakMemory
from nas.export.torch_program import ProgramNetwork, write_program
from nas.train.exported import ONNX, ExportedNetwork, InputScale, OnnxNetwork

Target = Literal["onnx", "executorch", "torch"]
SUFFIXES: Mapping[Target, str] = {"onnx": ONNX, "executorch": ".pte", "torch": ".pt2"}
"""What the names of the files end in."""


@dataclass(frozen=True, eq=False)
class FileRequest:
    """What is to be written."""

    graph: nn.Module
    example: Tensor
    """Two inputs in the form that the file takes."""
    names: tuple[str, ...]
    """Of the outputs."""
    metadata: Mapping[str, str]
    samples: Tensor | None
    """Inputs on which the ranges of 8 bits are measured; None for float32."""
    output_type: Any
    """See `Task.output_type`."""
    scale: InputScale | None
    """How the file normalises; None where it does not."""


@dataclass(frozen=True, eq=False)
class WrittenFile:
    """A file, and what is known of it before it is compared."""

    path: Path
    network: ExportedNetwork
    """Run by the file's own runtime."""
    runtime: str
    """Name and version."""
    weight_bytes: int | None = None
    """None where the format does not tell."""
    float_weight_bytes: int | None = None
    """Of the same network's float32 file."""
    memory: PeakMemory | None = None

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size


def write_file(to: Target, request: FileRequest, folder: Path) -> WrittenFile:
    """Write into the folder. Raises NasError for a network that the format can't hold."""
    path = folder / f"network{SUFFIXES[to]}"
    if to == "onnx":
        return _write_onnx(request, path)
    if to == "executorch":
        write_executorch(request.graph, request.example, path, samples=request.samples)
        network = ExecutorchNetwork(path, request.output_type, request.scale)
        return WrittenFile(path, network, f"executorch {version('executorch')}")
    if request.samples is not None:
        raise NasError("is for onnx and executorch", key="--int8")
    write_program(request.graph, request.example, request.metadata, path)
    program = ProgramNetwork(path, request.output_type, request.scale)
    return WrittenFile(path, program, f"torch {torch.__version__}")


def _write_onnx(request: FileRequest, path: Path) -> WrittenFile:
    whole = path.with_name(f"float32{ONNX}")
    write_onnx(request.graph, request.example, request.names, request.metadata, whole)
    if request.samples is None:
        whole.replace(path)
    else:
        quantise_onnx(whole, request.samples, path)
    return WrittenFile(
        path,
        OnnxNetwork(path, request.output_type, request.scale),
        f"onnxruntime {version('onnxruntime')}",
        weight_bytes(path),
        weight_bytes(path if request.samples is None else whole),
        PeakMemory.measured(path),
    )
