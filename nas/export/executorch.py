"""ExecuTorch files, for phones and boards: XNNPACK's kernels, one sample at a time."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.train.exported import ExportedNetwork, InputScale, import_extra

if TYPE_CHECKING:
    from torch.fx import GraphModule

EXTRA = "executorch"


def write_executorch(
    network: nn.Module, example: Tensor, path: Path, *, samples: Tensor | None = None
) -> None:
    """Write a network in eval mode; its inputs are single samples.

    With `samples`, weights and activations have 8 bits, whose ranges are measured on them. Raises
    NasError for an operation that ExecuTorch does not have, and without the packages.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        exir = import_extra("executorch.exir", EXTRA)
        partition = import_extra("executorch.backends.xnnpack.partition.xnnpack_partitioner", EXTRA)
        try:
            graph = _untied(network, example[:1])
            whole = graph if samples is None else _quantised(graph, samples)
            program = torch.export.export(whole, (example[:1],))
            lowered = exir.to_edge_transform_and_lower(
                program, partitioner=[partition.XnnpackPartitioner()]
            ).to_executorch()
        except NasError:
            raise
        except Exception as error:  # of whatever in the network has no counterpart
            reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
            raise NasError(f"the network can't be written for ExecuTorch: {reason}") from error
    path.write_bytes(lowered.buffer)


def _untied(network: nn.Module, example: Tensor) -> "GraphModule":
    """The network as a graph in which each operation has weights of its own.

    Batch normalisation is folded into the convolution before it by ExecuTorch (1.5.1), also where
    several normalisations follow one convolution, as in the head of a detector: the weights would
    then be scaled for one of them and used by all.
    """
    graph = torch.export.export(network, (example,)).module()
    weights = dict(graph.named_parameters())
    for node in graph.graph.find_nodes(op="get_attr"):
        if node.target not in weights:
            continue
        for number, user in enumerate(list(node.users)[1:]):
            name = f"{node.target.replace('.', '_')}_of_{number}"
            copied = weights[node.target].detach().clone()
            graph.register_parameter(name, nn.Parameter(copied, requires_grad=False))
            with graph.graph.inserting_before(user):
                user.replace_input_with(node, graph.graph.get_attr(name))
    graph.recompile()
    return graph


def _quantised(network: "GraphModule", samples: Tensor) -> nn.Module:
    """The network with 8 bits: static ranges, a scale for each channel of weights."""
    steps = import_extra("torchao.quantization.pt2e.quantize_pt2e", "quantise")
    xnnpack = import_extra("executorch.backends.xnnpack.quantizer.xnnpack_quantizer", EXTRA)
    rules = xnnpack.get_symmetric_quantization_config(is_per_channel=True)
    quantizer = xnnpack.XNNPACKQuantizer().set_global(rules)
    prepared = steps.prepare_pt2e(network, quantizer)
    for sample in samples.split(1):
        prepared(sample)
    converted: nn.Module = steps.convert_pt2e(prepared)
    return converted


class ExecutorchNetwork(ExportedNetwork):
    """A network in an ExecuTorch file, run sample by sample."""

    def __init__(self, path: Path, output_type: Any, scale: InputScale | None) -> None:
        super().__init__(output_type, scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runtime = import_extra("executorch.runtime", EXTRA)
        self._program = runtime.Runtime.get().load_program(path)
        self._forward = self._program.load_method("forward")

    def run(self, inputs: np.ndarray[Any, Any]) -> Sequence[np.ndarray[Any, Any]]:
        # An output's memory is the runtime's own, and the next run's.
        rows = [
            [part.clone() for part in self._forward.execute([sample.contiguous()])]
            for sample in torch.from_numpy(inputs).split(1)
        ]
        return [torch.cat(parts).numpy() for parts in zip(*rows, strict=True)]
