"""`nas macs`: what each layer of a network costs, and why counters disagree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.cli.network import NetworkFlags, load_for_task
from nas.cli.options import Command, grouped, option
from nas.errors import NasError

if TYPE_CHECKING:
    from torch import nn

    from nas.macs.count import MacsReport

InputShape = tuple[int, int, int]
"""`(C, H, W)`."""
DEFAULT_INPUT: InputShape = (3, 224, 224)


@click.command("macs", cls=Command)
@grouped(
    "network",
    NetworkFlags,
    options.ARCH,
    options.library(),
    options.input_size("Input shape  [default: the file's own; 3x224x224 for --model]"),
)
@option("--depth", type=click.IntRange(min=1), help="Rows of modules this many names deep.")
@option("--compare", is_flag=True, help="Beside fvcore and ptflops, with differences explained.")
@options.JSON
@option("--csv", "as_csv", is_flag=True, help="Print one row a layer, exact numbers.")
@option("--markdown", "as_markdown", is_flag=True, help="Print tables in Markdown.")
@options.imports()
def macs(
    network: NetworkFlags,
    depth: int | None,
    compare: bool,
    as_json: bool,
    as_csv: bool,
    as_markdown: bool,
) -> None:
    """Count a network's multiply-adds, parameters and activation memory, layer by layer."""
    network.check()
    if as_json + as_csv + as_markdown > 1:
        raise NasError("give --json, --csv or --markdown, one of them")
    if compare and as_csv:
        raise NasError("--csv holds the layers alone; take --json or --markdown with --compare")
    from nas.macs import report as reports

    found = _count_file(network, depth, compare) if network.arch else _count_model(network, depth)
    comparison = None
    if compare:
        from nas.macs.conventions import compare_counters

        assert found.module is not None
        comparison = compare_counters(found.module, found.shape)
    if as_csv:
        click.echo(reports.as_csv(found.report))
        return
    write = reports.as_json if as_json else reports.as_markdown if as_markdown else reports.as_text
    click.echo(write(found.report, comparison, found.facts))


@dataclass(frozen=True, eq=False)
class Counted:
    """A network's cost, and what it may be compared by."""

    report: "MacsReport"
    shape: InputShape
    module: "nn.Module | None"
    """None where the layers were counted one by one."""
    facts: Mapping[str, float]
    """What its task says of such a cost."""


def _count_model(flags: NetworkFlags, depth: int | None) -> Counted:
    from nas.macs.count import count_macs
    from nas.model.reference import counted_network

    shape = DEFAULT_INPUT if flags.size is None else flags.size.shape
    module = counted_network(str(flags.model), input_size=shape[1:])
    return Counted(count_macs(module, shape, depth=depth), shape, module, {})


def _count_file(flags: NetworkFlags, depth: int | None, keep_module: bool) -> Counted:
    from nas.macs.architecture import count_architecture
    from nas.macs.count import count_macs
    from nas.macs.meta import WithoutWeights
    from nas.model.build import build_network
    from nas.tasks.registry import task_named

    assert flags.arch is not None
    architecture = load_for_task(flags.arch, flags.size)
    shape, by_layer = architecture.input.shape, architecture.model is None and depth is None
    module = None
    if architecture.model is not None:
        module = build_network(architecture)
    elif keep_module or not by_layer:
        with WithoutWeights():
            module = build_network(architecture)
    if by_layer:
        report = count_architecture(architecture)
    else:
        assert module is not None
        report = count_macs(module, shape, depth=depth)
    facts = task_named(architecture.task).cost_facts(architecture, report.total)
    return Counted(report, shape, module, facts)
