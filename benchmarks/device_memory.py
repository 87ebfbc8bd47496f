"""Flash and RAM as we count them, beside what ExecuTorch plans for a Cortex-M.

    pip install executorch tosa-tools
    python -m benchmarks.device_memory                     # the reference networks at 3x64x64
    python -m benchmarks.device_memory ARCHITECTURE.yaml   # or any of one's own

Each network, with random weights, is quantised to int8 and lowered to a program of CMSIS-NN kernels
for a Cortex-M7. Its arena is what ExecuTorch's memory plan holds for activations and the kernels'
scratch space; its file holds the weights and the graph.
"""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import Tensor

from nas.export.run import ExportGraph
from nas.macs.architecture import device_memory
from nas.model.build import build_network
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.load import find_architecture
from nas.text_table import aligned

NETWORKS = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_lite0",
    "efficientnet_b0",
    "shufflenet_v2_x0_5",
)


def cortex_m_program(architecture: ArchitectureSpec) -> tuple[int, int]:
    """Bytes of the arena, and of the file, of its int8 program."""
    from executorch.backends.cortex_m.edge_compile_config import cortex_m_edge_compile_config
    from executorch.backends.cortex_m.passes.cortex_m_pass_manager import CortexMPassManager
    from executorch.backends.cortex_m.quantizer.quantizer import CortexMQuantizer
    from executorch.backends.cortex_m.target_config import CortexM, CortexMTargetConfig
    from executorch.exir import to_edge
    from executorch.exir.passes.quantize_io_pass import quantize_input
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    torch.manual_seed(0)
    network = ExportGraph(build_network(architecture), None)
    network = network.eval().to(memory_format=torch.channels_last)
    x_NCHW: Tensor = torch.randn(1, *architecture.input.shape)
    x_NCHW = x_NCHW.to(memory_format=torch.channels_last)
    exported = torch.export.export(network, (x_NCHW,), strict=True)
    prepared = prepare_pt2e(exported.module(check_guards=False), CortexMQuantizer())
    prepared(x_NCHW)
    quantised = torch.export.export(convert_pt2e(prepared), (x_NCHW,), strict=True)
    edge = to_edge(quantised, compile_config=cortex_m_edge_compile_config())
    quantize_input(edge.exported_program(), 0)  # as firmware gives it; at float32 it is the peak
    target = CortexMTargetConfig(cpu=CortexM.M7)
    lowered = CortexMPassManager(edge.exported_program(), target_config=target).transform()
    edge._edge_programs["forward"] = lowered
    program = edge.to_executorch()
    plan = program.executorch_program.execution_plan[0]
    return sum(plan.non_const_buffer_sizes), len(program.buffer)


def row(architecture: ArchitectureSpec) -> tuple[str, ...]:
    """Ours, ExecuTorch's and the ratio, of RAM and of flash."""
    ours, (arena, file) = device_memory(architecture), cortex_m_program(architecture)
    return (
        architecture.name,
        f"{ours.ram_int8:,}",
        f"{arena:,}",
        f"{arena / ours.ram_int8:.2f}",
        f"{ours.flash_int8:,}",
        f"{file:,}",
        f"{file / ours.flash_int8:.2f}",
    )


def table(architectures: Sequence[ArchitectureSpec]) -> str:
    """A row a network."""
    head = ("network", "RAM, ours", "arena", "ratio", "flash, ours", "file", "ratio")
    return "\n".join(aligned([head, *map(row, architectures)], left=(0,)))


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--input", "size", default="3x64x64", show_default=True, help="Of the references.")
def main(files: tuple[Path, ...], size: str) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if files:
        chosen = [load_architecture(file) for file in files]
    else:
        known = [load_architecture(find_architecture(name)) for name in NETWORKS]
        chosen = [replace(item, input=InputSpec.parsed(size)) for item in known]
    print(table(chosen))


if __name__ == "__main__":
    main()
