"""`nas space`: look at a search space before hours are spent in it."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nas.search.survey import Spread, Survey
    from nas.spec.space import SpaceSpec


@click.group("space")
def space() -> None:
    """Check a search space, and draw members from it."""


@space.command("check")
@click.argument("file")
@click.option("--max-macs", help="Budget in place of the file's own, e.g. 20M.")
@click.option("--samples", type=click.IntRange(10, 100_000), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: str, max_macs: str | None, samples: int, seed: int, as_json: bool) -> None:
    """Number of networks, their MACs and parameters, the share within the budget.

    FILE is a YAML file, or the name of an installed space.
    """
    from nas.search.rating import check_score
    from nas.search.settings import resolved_training
    from nas.search.survey import survey_space
    from nas.spec.quantity import parse_quantity
    from nas.spec.space import load_space
    from nas.tasks.registry import task_of

    loaded = load_space(file)
    requirement = task_of(loaded).check_space(loaded)
    resolved_training(loaded, loaded.training, built_in=False)
    check_score(loaded, loaded.score)
    if max_macs is not None:
        budget = loaded.budget.model_copy(update={"max_macs": parse_quantity(max_macs)})
        loaded = replace(loaded, budget=budget)
    survey = survey_space(loaded, samples=samples, seed=seed)
    if as_json:
        click.echo(json.dumps(asdict(survey), indent=2))
    else:
        click.echo("\n".join(_lines(loaded, survey, requirement)))


@space.command("sample")
@click.argument("file")
@click.option("-n", "--number", type=click.IntRange(1, 10_000), default=1, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--rows", is_flag=True, help="Print rows [repeat, name, args].")
def sample(file: str, number: int, seed: int, rows: bool) -> None:
    """Members drawn at random, as YAML documents with their MACs."""
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


def _lines(space: "SpaceSpec", survey: "Survey", requirement: str) -> list[str]:
    from nas.report.tables import classes_text
    from nas.spec.quantity import count_text

    budget = space.budget
    bounds = [
        f"at most {count_text(bound)} {name}"
        for bound, name in ((budget.max_macs, "MACs"), (budget.max_params, "parameters"))
        if bound is not None
    ]
    kind = "distinct networks, counted exactly"
    if not survey.members_exact:
        kind = "ways to draw a network, more than can be told apart: at most as many networks"
    title = f"{space.name}: task {space.task}"
    lines = [
        f"{title}, {len(space.layers)} layers, {classes_text(len(space.classes))}",
        f"members     {survey.members:,} {kind}",
        f"sample      {survey.sampled} drawn at random, {survey.distinct_sampled} of them distinct",
        f"MACs        {_spread(survey.macs)}",
        f"parameters  {_spread(survey.parameters)}",
    ]
    if bounds:
        share = f"{survey.share_within_budget:.1%} of the sample within"
        lines.append(f"budget      {', '.join(bounds)}: {share}")
    lines.append(f"requires    {requirement}")
    shown = list(survey.unused_choices[:12])
    if shown:
        more = len(survey.unused_choices) - len(shown)
        lines.append("no sampled member within the budget has:")
        lines += [f"  {choice}" for choice in shown] + ([f"  and {more} more"] if more else [])
    return lines


def _spread(spread: "Spread") -> str:
    from nas.spec.quantity import count_text

    names = ("minimum", "lower_quartile", "median", "upper_quartile", "maximum")
    words = ("min", "25 %", "median", "75 %", "max")
    values = asdict(spread)
    return ", ".join(
        f"{word} {count_text(values[name])}" for word, name in zip(words, names, strict=True)
    )
