"""`nas space`: look at a search space before hours are spent in it."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.cli.options import Command, option
from nas.cli.settings import Changes, changes
from nas.spec.budget import BudgetSpec

if TYPE_CHECKING:
    from nas.spec.definition import InputSpec
    from nas.spec.space import SpaceSpec

INPUT = options.input_size("Input in place of the space's (see `nas data stats`).")


@click.group("space")
def space() -> None:
    """Check a search space, and sample networks from it."""


@space.command("check", cls=Command)
@click.argument("file")
@INPUT
@changes(
    "budget",
    BudgetSpec,
    ("max_macs",),
    max_macs={"help": "Most multiply-adds, in place of the file's own, e.g. 20M."},
)
@option(
    "--samples",
    type=click.IntRange(10, 100_000),
    default=200,
    show_default=True,
    help="Networks to sample.",
)
@options.seed("Random seed of the sample.")
@options.JSON
@options.imports()
def check(
    file: str,
    size: "InputSpec | None",
    budget: Changes[BudgetSpec],
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Count a space's networks, their MACs, and the share within the budget.

    FILE is a YAML file, or the name of an installed space.
    """
    from nas.search.choice import check_score
    from nas.search.settings import resolved_training
    from nas.search.survey import survey_lines, survey_space
    from nas.tasks.registry import task_of
    from nas.train.begin import check_begin

    loaded = _loaded(file, size)
    requirement = task_of(loaded).check_space(loaded)
    check_begin(loaded)
    resolved_training(loaded, loaded.training, built_in=False)
    check_score(loaded, loaded.score)
    loaded = replace(loaded, budget=budget.applied_to(loaded.budget))
    survey = survey_space(loaded, samples=samples, seed=seed)
    if as_json:
        click.echo(json.dumps(asdict(survey), indent=2, allow_nan=False))
    else:
        click.echo("\n".join(survey_lines(loaded, survey, requirement)))


@space.command("sample", cls=Command)
@click.argument("file")
@INPUT
@option(
    "-n",
    "--number",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Networks to sample.",
)
@options.seed("Random seed.")
@options.ROWS
@options.imports()
def sample(file: str, size: "InputSpec | None", number: int, seed: int, rows: bool) -> None:
    """Sample networks at random, as YAML documents with their MACs.

    FILE is a YAML file, or the name of an installed space.
    """
    import numpy as np

    from nas.macs.architecture import count_architecture
    from nas.model.identity import architecture_hash
    from nas.spec.architecture import dump_architecture
    from nas.spec.quantity import count_text
    from nas.spec.rows import dump_rows
    from nas.spec.small_maps import small_map
    from nas.spec.trial import RandomTrial

    loaded = _loaded(file, size)
    generator = np.random.default_rng(seed)
    for index in range(number):
        architecture = loaded.sample(RandomTrial(generator, index))
        report = count_architecture(architecture)
        cost = f"{count_text(report.total)} MACs, {count_text(report.parameters)} parameters"
        small = small_map(architecture)
        maps = "" if small is None else f", maps of {small.text}, before the last stage"
        title = f"{architecture.name}: {cost}, hash {architecture_hash(architecture)}{maps}"
        click.echo(f"--- # {title}")
        click.echo(dump_rows(architecture) if rows else dump_architecture(architecture), nl=False)


def _loaded(file: str, size: "InputSpec | None") -> "SpaceSpec":
    """The space, with this input in place of its own."""
    from nas.spec.space import load_space

    space = load_space(file)
    return space if size is None else space.with_keys(input=size.model_dump())
