"""`nas space`: look at a search space before hours are spent in it."""

import json
from dataclasses import asdict, replace

import click

from nas.cli import options
from nas.cli.options import Command, option
from nas.cli.settings import Changes, changes
from nas.spec.budget import BudgetSpec


@click.group("space")
def space() -> None:
    """Check a search space, and sample networks from it."""


@space.command("check", cls=Command)
@click.argument("file")
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
def check(file: str, budget: Changes[BudgetSpec], samples: int, seed: int, as_json: bool) -> None:
    """Count a space's networks, their MACs, and the share within the budget.

    FILE is a YAML file, or the name of an installed space.
    """
    from nas.search.choice import check_score
    from nas.search.settings import resolved_training
    from nas.search.survey import survey_lines, survey_space
    from nas.spec.space import load_space
    from nas.tasks.registry import task_of

    loaded = load_space(file)
    requirement = task_of(loaded).check_space(loaded)
    resolved_training(loaded, loaded.training, built_in=False)
    check_score(loaded, loaded.score)
    loaded = replace(loaded, budget=budget.applied_to(loaded.budget))
    survey = survey_space(loaded, samples=samples, seed=seed)
    if as_json:
        click.echo(json.dumps(asdict(survey), indent=2))
    else:
        click.echo("\n".join(survey_lines(loaded, survey, requirement)))


@space.command("sample", cls=Command)
@click.argument("file")
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
def sample(file: str, number: int, seed: int, rows: bool) -> None:
    """Sample networks at random, as YAML documents with their MACs."""
    import numpy as np

    from nas.macs.architecture import count_architecture
    from nas.model.identity import architecture_hash
    from nas.spec.architecture import dump_architecture
    from nas.spec.quantity import count_text
    from nas.spec.rows import dump_rows
    from nas.spec.space import load_space
    from nas.spec.trial import RandomTrial

    loaded = load_space(file)
    generator = np.random.default_rng(seed)
    for index in range(number):
        architecture = loaded.sample(RandomTrial(generator, index))
        report = count_architecture(architecture)
        cost = f"{count_text(report.total)} MACs, {count_text(report.parameters)} parameters"
        click.echo(f"--- # {architecture.name}: {cost}, hash {architecture_hash(architecture)}")
        click.echo(dump_rows(architecture) if rows else dump_architecture(architecture), nl=False)
