"""PyTorch's own files of a network without its Python code: a program of `torch.export`."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from nas.errors import NasError
from nas.train.exported import ExportedNetwork, InputScale


def write_program(
    network: nn.Module, example: Tensor, metadata: Mapping[str, str], path: Path
) -> None:
    """Write a network in eval mode, whose batch may have any size.

    The metadata are files of the archive, `torch.export.load(..., extra_files=...)`. Raises
    NasError for a network that can't be traced.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        try:
            program = torch.export.export(network, (example,), dynamic_shapes=({0: Dim("batch")},))
        except Exception as error:  # of whatever in the network depends on its values
            reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
            raise NasError(f"the network can't be traced: {reason}") from error
        for node in program.graph.nodes:  # paths of this machine
            node.meta.pop("stack_trace", None)
        torch.export.save(program, path, extra_files=dict(metadata))


class ProgramNetwork(ExportedNetwork):
    """A network in such a file, run by PyTorch."""

    def __init__(self, path: Path, output_type: Any, scale: InputScale | None) -> None:
        super().__init__(output_type, scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._program = torch.export.load(path).module()

    def run(self, inputs: np.ndarray[Any, Any]) -> Sequence[np.ndarray[Any, Any]]:
        found = self._program(torch.from_numpy(inputs))
        parts = (found,) if isinstance(found, Tensor) else tuple(found)
        return [part.detach().numpy() for part in parts]
