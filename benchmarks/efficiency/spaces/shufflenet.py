"""The installed space `shufflenet` with its true MACs and a metric of closed form."""

from functools import cache
from math import exp, fsum, log
from random import Random

from benchmarks.efficiency.problem import Params, Problem, exactly

SEED = 9


def shufflenet() -> Problem:
    """Four stages of five kinds of blocks, about 20 of 50 parameters asked for, and its budget.

    The metric saturates with the logarithm of MACs and of parameters; each value of each parameter
    adds its own, and each network a rest.
    """
    from nas.search.pricing import PricedSpace  # brings torch, which no other space needs
    from nas.spec.space import load_space

    spec = load_space("shufflenet")
    space = PricedSpace(spec, spec.budget)

    def metric(params: Params) -> float:
        cost = space.priced(params).cost
        size = log(cost.macs / 1e6) + 0.4 * log(cost.parameters / 1e4)
        merit = 2 + size + fsum(_own(name, repr(value)) for name, value in params.items())
        rest = 0.004 * Random(f"{SEED} {space.key(params)}").gauss(0, 1)
        return min(max(0.1 + 0.55 * (1 - exp(-merit / 3)) + rest, 0.0), 1.0)

    return Problem(
        name="shufflenet",
        define=space.draw,
        cost=space.cost,
        metric=metric,
        key=space.key,
        observe=exactly(metric),
        enumerable=False,
    )


@cache
def _own(name: str, value: str) -> float:
    return 0.15 * Random(f"{SEED} {name} {value}").gauss(0, 1)
