"""How long a search runs, and how it draws candidates."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from nas.spec.validate import Frozen

SamplerName = Literal["known_cost", "tpe", "nsga2", "nsga3", "gp", "random"]
SAMPLER_NAMES: tuple[SamplerName, ...] = get_args(SamplerName)


StopName = Literal["dominance", "asha", "none"]
STOP_NAMES: tuple[StopName, ...] = get_args(StopName)


Flag = Annotated[bool, Field(strict=True)]

METRIC_OBJECTIVE = "metric"
"""Stands for the task's primary metric among the objectives."""
DEFAULT_OBJECTIVES = ("macs", METRIC_OBJECTIVE)


def _names(value: Any) -> Any:
    """Names that a string separates by commas."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class SearchSpec(Frozen):
    """How long a search runs, and how it draws candidates."""

    trials: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 30
    """Networks to train."""
    minutes: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    """No network is begun after this time, in which the finalists are trained too; null is no
    limit."""
    objectives: Annotated[tuple[str, ...], BeforeValidator(_names)] = DEFAULT_OBJECTIVES
    """What is made small or large: names of costs, and `metric`, the task's primary metric."""
    sampler: SamplerName = "known_cost"
    """How candidates are drawn: by their known cost, Optuna's samplers, or at random."""
    per_second: Flag = False
    """Weigh what a network promises by the seconds that its training will take."""
    stop: StopName = "dominance"
    """Which trainings end early: those that cheaper networks surely beat, the worst of each band of
    MACs (successive halving), or none."""
    short_epochs: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Epochs of a short training, which the rule judges, before the full one; 0 is none."""
    inherit: Flag = False
    """Begin with the weights of a finished network wherever leading layers are the same."""
    finalists: Annotated[int, Field(strict=True, ge=0, le=1_000)] = 3
    """Networks of the front that are trained again with other seeds before one is chosen."""
    final_seeds: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 2
    """Further seeds with which each finalist is trained."""
    final_epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = None
    """Epochs of a finalist's training; null is the epochs of the search."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Seed of the candidates that are drawn."""
