"""The flags of `nas search`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nas.spec.search import SAMPLER_NAMES, STOP_NAMES

FILE = click.Path(path_type=Path)
ABOVE_ZERO = click.FloatRange(0, min_open=True)

FLAGS = (
    click.option("--space", help="Search space: a YAML file, or the name of an installed one."),
    click.option(
        "--task", help="Task that the space must be of: image, sed, covid-study, covid-detection."
    ),
    click.option("--data", type=FILE, help="Folder or table of the task's data."),
    click.option("--groups", type=FILE, help="CSV path,group: no group crosses splits."),
    click.option(
        "--strict",
        is_flag=True,
        default=None,
        help="Stop at unreadable files; else they are left out.",
    ),
    click.option(
        "--input", metavar="CxHxW", help="Input in place of the space's (see `nas data stats`)."
    ),
    click.option(
        "--no-turn",
        is_flag=True,
        default=None,
        help="Leave pictures that are higher than wide so.",
    ),
    click.option("--labels", help="What is learned of X-rays: study, opacity."),
    click.option(
        "--fold",
        type=click.IntRange(0),
        help="X-rays without given splits: the one of 5 folds kept for the test  [default: 0]",
    ),
    click.option("--out", type=FILE, help="New folder  [default: runs/NAME]"),
    click.option("--resume", type=FILE, help="Go on with the search in this folder."),
    click.option("--trials", type=click.IntRange(1), help="Networks to train."),
    click.option(
        "--minutes",
        type=ABOVE_ZERO,
        help="No network is begun after this time, in which the finalists are trained too.",
    ),
    click.option("--hours", type=ABOVE_ZERO, help="The same in hours."),
    click.option(
        "--epochs", type=click.IntRange(1), help="Passes over the training data a network."
    ),
    click.option("--batch-size", type=click.IntRange(2, 65_536), help="Samples a step."),
    click.option("--learning-rate", type=ABOVE_ZERO, help="Peak rate of AdamW."),
    click.option("--max-macs", help="Multiply-adds at most, e.g. 20M."),
    click.option("--max-params", help="Parameters at most, e.g. 500k."),
    click.option(
        "--min-metric",
        "--min-macro-f1",
        type=click.FloatRange(0, 1),
        help="What the best network must reach, of the task's own metric.",
    ),
    click.option(
        "--score", help="Name or expression by which the best is chosen; the lower the better."
    ),
    click.option(
        "--objectives",
        metavar="NAMES",
        help="Costs to make small, and metric, separated by commas.  [default: macs,metric]",
    ),
    click.option(
        "--sampler",
        type=click.Choice(SAMPLER_NAMES),
        help="How candidates are drawn.  [default: known_cost]",
    ),
    click.option(
        "--per-second/--no-per-second",
        default=None,
        help="Weigh what a network promises by the seconds of its training (known_cost only).",
    ),
    click.option(
        "--stop",
        type=click.Choice(STOP_NAMES),
        help="Which trainings end early.  [default: dominance]",
    ),
    click.option(
        "--short-epochs",
        type=click.IntRange(0),
        help="Of a short training before the full one.  [default: 0, none]",
    ),
    click.option(
        "--inherit/--no-inherit",
        default=None,
        help="Begin with weights of finished networks where leading layers are the same.",
    ),
    click.option(
        "--finalists",
        type=click.IntRange(0),
        help="Networks of the front to train again before one is chosen.",
    ),
    click.option("--final-seeds", type=click.IntRange(1), help="Further seeds for each of them."),
    click.option("--final-epochs", type=click.IntRange(1), help="Epochs of their training."),
    click.option(
        "--seed", type=click.IntRange(0, 2**31 - 1), help="Of the candidates and their training."
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="Processes  [default: one a core, at most 8; one on a GPU]",
    ),
    click.option(
        "--threads", type=click.IntRange(1), help="Cores of each  [default: cores / workers]"
    ),
    click.option("--device", help="auto, cpu, cuda, cuda:1  [default: auto]"),
)


def search_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with all flags, in the order in which `--help` lists them."""
    for flag in reversed(FLAGS):
        command = flag(command)
    return command
