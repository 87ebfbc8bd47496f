"""Networks in exported files, run by the file's own runtime."""

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nas.data.audio.preprocess import MelPreprocess
from nas.data.preprocess import PixelPreprocess
from nas.errors import NasError
from nas.spec.architecture import ArchitectureSpec, parse_architecture
from nas.tasks.base import Thresholds
from nas.tasks.registry import task_named

ONNX = ".onnx"
"""Suffix of the files that are evaluated and predict as runs do."""


def import_extra(module: str, extra: str) -> ModuleType:
    """The module of an optional package. Raises NasError that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        problem = f"{package} can't be imported ({error}): pip install 'compact-nas[{extra}]'"
        raise NasError(problem) from error


@dataclass(frozen=True)
class InputScale:
    """How raw inputs become normalised ones: `raw * scale + shift` of each channel."""

    scale_C: tuple[float, ...]
    shift_C: tuple[float, ...]
    pixels: bool
    """Whether raw inputs are uint8 (N, H, W, C), else float32 (N, C, H, W)."""

    @classmethod
    def of(cls, architecture: ArchitectureSpec) -> Self | None:
        """That of an architecture's preprocessing; None for a kind of one's own."""
        preprocess, channels = architecture.preprocess, architecture.input.channels
        if isinstance(preprocess, PixelPreprocess):
            mean, std = preprocess.per_channel(channels)
            shift = tuple(-center / width for center, width in zip(mean, std, strict=True))
            return cls(tuple(1 / (255 * width) for width in std), shift, pixels=True)
        if isinstance(preprocess, MelPreprocess):
            center, width = preprocess.normalisation
            return cls((1 / width,) * channels, (-center / width,) * channels, pixels=False)
        return None

    def raw(self, x_NCHW: Tensor) -> Tensor:
        """The raw input of a normalised one; pixels exactly, as they are whole numbers."""
        scale_C, shift_C = (
            torch.tensor(values).double() for values in (self.scale_C, self.shift_C)
        )
        raw_NHWC = (x_NCHW.double().permute(0, 2, 3, 1) - shift_C) / scale_C
        if self.pixels:
            return raw_NHWC.round().clamp(0, 255).to(torch.uint8)
        return raw_NHWC.float().permute(0, 3, 1, 2)


class ExportedNetwork(nn.Module, ABC):
    """A network in a file, as a module of normalised inputs: what runs them is not PyTorch."""

    def __init__(self, output_type: Any, scale: InputScale | None) -> None:
        super().__init__()
        self._output_type = output_type
        self._scale = scale

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it changes

    def forward(self, x_NCHW: Tensor) -> Any:
        """Outputs of the task's form for inputs (N, C, H, W), on the CPU."""
        inputs = x_NCHW.cpu() if self._scale is None else self._scale.raw(x_NCHW.cpu())
        outputs = self.run(np.ascontiguousarray(inputs.numpy()))
        tensors = [torch.from_numpy(np.asarray(output)) for output in outputs]
        return tensors[0] if self._output_type is None else self._output_type(*tensors)

    @abstractmethod
    def run(self, inputs: np.ndarray[Any, Any]) -> Sequence[np.ndarray[Any, Any]]:
        """The outputs in order."""


class OnnxNetwork(ExportedNetwork):
    """A network in an ONNX file, run by onnxruntime on as many cores as PyTorch uses."""

    def __init__(self, path: Path, output_type: Any, scale: InputScale | None) -> None:
        super().__init__(output_type, scale)
        self._session = onnx_session(path)

    def run(self, inputs: np.ndarray[Any, Any]) -> Sequence[np.ndarray[Any, Any]]:
        found: Sequence[np.ndarray[Any, Any]] = self._session.run(
            None, {self._session.get_inputs()[0].name: inputs}
        )
        return found


def onnx_session(path: Path) -> Any:
    """The file's `onnxruntime.InferenceSession`. Raises NasError for what is no network."""
    runtime = import_extra("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base
        reason = str(error).splitlines()[0]
        raise NasError(f"onnxruntime can't read it: {reason}", file=path) from error


def output_names(output_type: Any) -> tuple[str, ...]:
    """Names of a task's outputs in an exported file, in order; see `Task.output_type`."""
    return ("logits",) if output_type is None else tuple(output_type._fields)


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """A network that `nas export` wrote, and what the file says of it."""

    architecture: ArchitectureSpec
    network: nn.Module
    thresholds: Thresholds


def open_exported(path: Path) -> ExportedFile:
    """The network of an ONNX file that `nas export` wrote.

    Raises NasError for another file, and where onnxruntime is not installed.
    """
    if path.suffix != ONNX:
        raise NasError(f"give a run's folder, or an {ONNX} file that `nas export` wrote", file=path)
    session = onnx_session(path)
    said: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    if "architecture" not in said:
        raise NasError(
            "does not say what it is of: give a file that `nas export` wrote, or a run's folder",
            file=path,
        )
    architecture = parse_architecture(said["architecture"], path)
    if architecture.preprocess is None:
        problem = "does not say how its inputs were prepared; export it again"
        raise NasError(problem, file=path, key="preprocess")
    normalises, thresholds = _own_facts(said, architecture, path)
    scale = InputScale.of(architecture) if normalises else None
    task = task_named(architecture.task)
    channels, *sides = architecture.input.shape
    shape = [*sides, channels] if scale is not None and scale.pixels else [channels, *sides]
    ports = {port.name: port.shape[1:] for port in session.get_outputs()}
    inputs = [port.shape[1:] for port in session.get_inputs()]
    named = list(ports) == list(output_names(task.output_type))
    if task.output_type is None:  # logits of classes
        named = named and list(ports.values()) == [[len(architecture.classes)]]
    if inputs != [shape] or not named:
        problem = f"takes {inputs} and gives {ports}, not what its metadata say"
        raise NasError(f"{problem}; export it again", file=path)
    network = OnnxNetwork(path, task.output_type, scale)
    return ExportedFile(architecture, network.eval(), thresholds)


def _own_facts(
    said: Mapping[str, str], architecture: ArchitectureSpec, path: Path
) -> tuple[bool, Thresholds]:
    """Whether the file normalises, and its thresholds. Raises NasError where facts changed."""
    task = task_named(architecture.task)
    try:
        normalises, thresholds = json.loads(said["normalises"]), json.loads(said["thresholds"])
        named = set(architecture.classes) if task.needs_thresholds else set()
        known = json.loads(said["classes"]) == list(architecture.classes)
        whole = known and isinstance(normalises, bool) and set(thresholds) == named
        if whole and all(0 <= value <= 1 for value in thresholds.values()):
            return normalises, thresholds
    except (KeyError, ValueError, TypeError, AttributeError):
        pass
    problem = "its metadata (normalises, thresholds, classes) are not what `nas export` wrote"
    raise NasError(f"{problem}; export it again", file=path)
