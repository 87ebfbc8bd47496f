"""Settings of a search: how long it runs, and how it samples candidates."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nas.spec.validate import Flag, Settings

SamplerName = Literal["known_cost", "tpe", "nsga2", "nsga3", "gp", "random"]

StopName = Literal["dominance", "asha", "none"]

METRIC_OBJECTIVE = "metric"
"""Stands for the task's primary metric among the objectives."""
DEFAULT_OBJECTIVES = ("macs", METRIC_OBJECTIVE)


def _names(value: Any) -> Any:
    """Names that a string separates by commas."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class SearchSpec(Settings):
    """How long a search runs, and how it samples candidates."""

    trials: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 30
    """Networks to train."""
    minutes: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    """Time limit in minutes, the finalists' training included: no network is begun after it."""
    objectives: Annotated[tuple[str, ...], BeforeValidator(_names)] = DEFAULT_OBJECTIVES
    """Objectives, separated by commas: names of costs, and `metric`, the task's primary metric."""
    sampler: SamplerName = "known_cost"
    """How candidates are proposed: by their known cost, by an Optuna sampler, or at random."""
    per_second: Flag = False
    """Weigh a candidate's expected gain by its training time (known_cost only)."""
    evaluate: Literal["trained", "shared"] = "trained"
    """How a candidate is measured: after a training of its own, or with its part of one network's
    weights, which all members of the space share."""
    shared_epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = None
    """Training epochs of the shared network; twice those of a candidate if not given."""
    stop: StopName = "dominance"
    """Which trainings stop early: those that cheaper networks surely beat (dominance), the worst of
    each band of MACs by successive halving (asha), or none."""
    short_epochs: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Epochs of a short training that is judged before the full one; 0 is off."""
    inherit: Flag = False
    """Begin with the weights of a finished network where the leading layers are the same."""
    finalists: Annotated[int, Field(strict=True, ge=0, le=1_000)] = 3
    """Networks of the front to train again with other seeds before one is chosen."""
    final_seeds: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 2
    """Further seeds for each finalist."""
    final_epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = None
    """Training epochs of a finalist, those of the search if not given."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Random seed of the candidates."""
