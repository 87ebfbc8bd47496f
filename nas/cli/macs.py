"""`nas macs`: what each layer of a network costs, and why counters disagree."""

from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.cli.network import NetworkFlags, load_for_task, parse_input
from nas.cli.options import Command, grouped, option
from nas.errors import NasError

if TYPE_CHECKING:
    from torch import nn

    from nas.macs.count import MacsReport
    from nas.spec.definition import ArchitectureSpec

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
    facts: dict[str, float] = {}
    if network.arch is not None:
        architecture = load_for_task(network.arch, network.input_text)
        report, module, shape = _count_file(architecture, depth, compare)
        facts = _facts(architecture, report.total)
    else:
        report, module, shape = _count_model(str(network.model), network.input_text, depth)
    comparison = None
    if compare:
        from nas.macs.conventions import compare_counters

        assert module is not None
        comparison = compare_counters(module, shape)

    from nas.macs import report as reports

    if as_csv:
        click.echo(reports.as_csv(report))
    elif as_json:
        click.echo(reports.as_json(report, comparison, facts))
    elif as_markdown:
        click.echo(reports.as_markdown(report, comparison, facts))
    else:
        click.echo(reports.as_text(report, comparison, facts))


def _count_model(
    model: str, input_text: str | None, depth: int | None
) -> "tuple[MacsReport, nn.Module, InputShape]":
    from nas.macs.count import count_macs
    from nas.model.reference import load_reference

    shape = DEFAULT_INPUT if input_text is None else parse_input(input_text).shape
    network = load_reference(model, None, input_size=shape[1:])
    return count_macs(network, shape, depth=depth), network, shape


def _facts(architecture: "ArchitectureSpec", macs: int) -> dict[str, float]:
    """What its task says of such a cost."""
    from nas.tasks.registry import task_named

    return task_named(architecture.task).cost_facts(architecture, macs)


def _count_file(
    architecture: "ArchitectureSpec", depth: int | None, keep_network: bool
) -> "tuple[MacsReport, nn.Module | None, InputShape]":
    from nas.macs.architecture import count_architecture
    from nas.macs.count import count_macs
    from nas.macs.meta import WithoutWeights
    from nas.model.build import build_network

    shape = architecture.input.shape
    if architecture.model is None and depth is None and not keep_network:
        return count_architecture(architecture), None, shape
    if architecture.model is not None:
        network = build_network(architecture)
    else:
        with WithoutWeights():
            network = build_network(architecture)
    if architecture.model is None and depth is None:
        return count_architecture(architecture), network, shape
    return count_macs(network, shape, depth=depth), network, shape
