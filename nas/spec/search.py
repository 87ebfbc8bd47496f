"""How long a search runs, and how it draws candidates."""

from typing import Annotated

from pydantic import Field

from nas.spec.frozen import Frozen
from nas.spec.sampler_names import SamplerName


class SearchSpec(Frozen):
    """How long a search runs, and how it draws candidates."""

    trials: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 30
    """Networks to train."""
    minutes: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    """No network is begun after this time; null is no limit."""
    sampler: SamplerName = "tpe"
    """How candidates are drawn: Optuna's multivariate TPE, NSGA-II, NSGA-III, or at random."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Seed of the candidates that are drawn."""
