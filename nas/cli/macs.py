"""`nas macs`: what each layer of a network costs, and why counters disagree."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli.architecture_file import load_for_task
from nas.cli.input_shape import InputShape, parse_input_shape
from nas.errors import NasError

if TYPE_CHECKING:
    from torch import nn

    from nas.macs.count import MacsReport
    from nas.spec.definition import ArchitectureSpec

DEFAULT_INPUT: InputShape = (3, 224, 224)


@click.command("macs")
@click.option("--arch", type=click.Path(path_type=Path), help="Architecture file.")
@click.option("--model", help="torchvision:NAME, timm:NAME or my.module:factory.")
@click.option(
    "--input", "input_text", metavar="CxHxW", help="Input shape [the file's own; 3x224x224]."
)
@click.option("--depth", type=click.IntRange(min=1), help="Rows of modules this many names deep.")
@click.option(
    "--compare", is_flag=True, help="Beside fvcore and ptflops, with the differences explained."
)
@click.option("--json", "json_", is_flag=True, help="One JSON object, exact numbers.")
@click.option("--csv", "csv_", is_flag=True, help="One row a layer, exact numbers.")
@click.option("--markdown", is_flag=True, help="Tables in Markdown.")
def macs(
    arch: Path | None,
    model: str | None,
    input_text: str | None,
    depth: int | None,
    compare: bool,
    json_: bool,
    csv_: bool,
    markdown: bool,
) -> None:
    """Multiply-adds, parameters and activation memory of a network, layer by layer."""
    if (arch is None) == (model is None):
        raise NasError("give either --arch FILE or --model NAME, one of them")
    if json_ + csv_ + markdown > 1:
        raise NasError("give --json, --csv or --markdown, one of them")
    if compare and csv_:
        raise NasError("--csv holds the layers alone; take --json or --markdown with --compare")
    facts: dict[str, float] = {}
    if arch is not None:
        architecture = load_for_task(arch, input_text)
        report, network, shape = _count_file(architecture, depth, compare)
        facts = _facts(architecture, report.total)
    else:
        assert model is not None
        given = DEFAULT_INPUT if input_text is None else parse_input_shape(input_text)
        report, network, shape = _count_model(model, given, depth)
    comparison = None
    if compare:
        from nas.macs.conventions import compare_counters

        assert network is not None
        comparison = compare_counters(network, shape)

    from nas.macs.report import as_csv, as_json, as_markdown, as_text

    if json_:
        text = as_json(report, comparison, facts)
    elif csv_:
        text = as_csv(report)
    elif markdown:
        text = as_markdown(report, comparison, facts)
    else:
        text = as_text(report, comparison, facts)
    click.echo(text)


def _count_model(
    model: str, shape: InputShape, depth: int | None
) -> "tuple[MacsReport, nn.Module, InputShape]":
    from nas.macs.count import count_macs
    from nas.model.reference import load_reference

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
