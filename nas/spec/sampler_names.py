"""What a space file or a flag may call the ways to draw candidates."""

from typing import Literal, get_args

SamplerName = Literal["known_cost", "tpe", "nsga2", "nsga3", "gp", "random"]
SAMPLER_NAMES: tuple[SamplerName, ...] = get_args(SamplerName)
