"""ONNX files: a network as a graph with its weights, in one file."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from nas.errors import NasError
from nas.train.exported import import_extra


def write_onnx(
    network: nn.Module,
    example: Tensor,
    names: Sequence[str],
    metadata: Mapping[str, str],
    path: Path,
) -> None:
    """Write a network whose batch may have any size.

    Args:
        network: In eval mode; gives a tensor or a tuple of them.
        example: Inputs of at least two samples: one alone would stand for all sizes of a batch.
        names: Of the outputs.

    Raises NasError for an operation that ONNX does not have, and without the packages.
    """
    onnx = import_extra("onnx", "onnx")
    import_extra("onnxscript", "onnx")
    import_extra("onnxruntime", "onnx")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, of what it tries and leaves
        try:
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                input_names=["input"],
                output_names=list(names),
                dynamic_shapes=({0: Dim("batch")},),
                verbose=False,
            )
        except Exception as error:  # of whatever in the network has no counterpart
            reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
            raise NasError(f"the network can't be written as ONNX: {reason}") from error
    assert program is not None
    model = program.model_proto
    _strip(model)
    model.producer_name = "compact-nas"
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _strip(model: Any) -> None:
    """Drop what the exporter says of the source code, with paths of this machine, at each node."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        for item in (graph, *graph.node, *graph.value_info):
            item.ClearField("metadata_props")
            item.ClearField("doc_string")
    for item in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")


def weight_bytes(path: Path) -> int:
    """Bytes of the numbers in the file that are no part of the graph: weights and their scales."""
    onnx = import_extra("onnx", "onnx")
    return sum(
        onnx.numpy_helper.to_array(tensor).nbytes for tensor in onnx.load(path).graph.initializer
    )
