"""8-bit files: weights and activations as whole numbers, their ranges measured on real samples."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from nas.data.dataset import AnyTaskData
from nas.tasks.base import Task
from nas.train.exported import import_extra

CALIBRATION_SAMPLES = 256
"""Samples of the training split on which ranges of activations are measured."""
_AT_ONCE = 32


def calibration_samples(data: AnyTaskData, task: Task[Any], seed: int = 0) -> Tensor:
    """(N, C, H, W) samples of the training split, drawn evenly (Vitter 1985, algorithm R)."""
    generator = torch.Generator().manual_seed(seed)
    kept: list[Tensor] = []
    seen = 0
    for x_NCHW, _ in task.evaluation_batches(data, "train", torch.device("cpu")):
        for x_CHW in x_NCHW:
            seen += 1
            if len(kept) < CALIBRATION_SAMPLES:
                kept.append(x_CHW.clone())
                continue
            place = int(torch.randint(seen, (), generator=generator))
            if place < CALIBRATION_SAMPLES:
                kept[place] = x_CHW.clone()
    return torch.stack(kept)


def quantise_onnx(
    source: Path, samples: Tensor, path: Path, *, weight_bits: Literal[7, 8] = 7
) -> None:
    """Write the 8-bit form of an ONNX file: static ranges, a scale for each channel of weights.

    Weights take 7 of their 8 bits: with all, sums of two products overflow the 16 bits that x86
    processors without VNNI add them in, which costs decisions there and nowhere else.
    """
    import_extra("onnx", "onnx")
    quantization = import_extra("onnxruntime.quantization", "onnx")
    shapes = import_extra("onnxruntime.quantization.shape_inference", "onnx")

    prepared = path.with_name("prepared.onnx")
    with _errors_alone():
        shapes.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            path,
            _Samples(samples),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=weight_bits == 7,
        )


class _Samples:
    """What onnxruntime takes for a `CalibrationDataReader`: anything with this method."""

    def __init__(self, samples: Tensor) -> None:
        self._left = iter(samples.split(_AT_ONCE))

    def get_next(self) -> dict[str, Any] | None:
        """Some samples by the input's name; None at the end."""
        part = next(self._left, None)
        return None if part is None else {"input": part.contiguous().numpy()}


@contextmanager
def _errors_alone() -> Iterator[None]:
    """Within it the root logger is silent but for errors: the library advises what is done here."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
