"""Whether the goals set for our sampler are met."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.efficiency.methods import OURS, PEERS
from benchmarks.efficiency.report import below_random, needed_text, title
from benchmarks.efficiency.summary import Summary

LEAST_SHARE = 0.99
MOST_EVALUATIONS = {"nadir": 30, "best-8": 70}
"""By reference: goals for the share of 99 % on NAS-Bench-Macro."""
MOST_OF_BEST_PEER = 1 / 3
MOST_FOR_PARALLEL = 1.4
MOST_ASK_SECONDS = 0.3


@dataclass(frozen=True)
class Compared:
    """One problem from one reference: the summaries of all methods."""

    problem: str
    reference: str
    table: bool
    """Whether it comes from a file, not a closed form."""
    summaries: Mapping[str, Summary]
    evaluations: int
    running: int


def verdict(compared: Compared) -> list[str]:
    """A line a goal that these methods allow to judge; those of a table are not of all spaces."""
    lines = [*_parallel(compared), *_random(compared)]
    if compared.table:
        lines = [*_evaluations(compared), *_against_peers(compared), *lines]
    return [f"{compared.problem}, {compared.reference}: {line}" for line in lines]


def _needed(compared: Compared, name: str) -> float:
    return compared.summaries[name].evaluations_to(LEAST_SHARE)


def _said(met: bool, text: str) -> str:
    return f"{'met' if met else 'NOT MET'}: {text}"


def _evaluations(compared: Compared) -> list[str]:
    goal = MOST_EVALUATIONS.get(compared.reference)
    if goal is None or "known_cost" not in compared.summaries:
        return []
    needed = _needed(compared, "known_cost")
    text = needed_text(needed, compared.evaluations)
    return [_said(needed <= goal, f"99 % in {text} evaluations (at most {goal})")]


def _against_peers(compared: Compared) -> list[str]:
    """A peer that doesn't reach the share counts as reaching it one evaluation later."""
    peers = [name for name in PEERS if name in compared.summaries]
    if not peers or "known_cost" not in compared.summaries:
        return []
    best = min(peers, key=lambda name: _needed(compared, name))
    theirs, ours = _needed(compared, best), _needed(compared, "known_cost")
    texts = [needed_text(needed, compared.evaluations) for needed in (ours, theirs)]
    named = "none of the peers" if math.isinf(theirs) else title(best, compared.running)
    met = ours <= min(theirs, compared.evaluations + 1) * MOST_OF_BEST_PEER
    return [_said(met, f"99 % in {texts[0]}, best peer {texts[1]} ({named}); at most a third")]


def _parallel(compared: Compared) -> list[str]:
    if not set(OURS) <= set(compared.summaries):
        return []
    alone, beside = (_needed(compared, name) for name in OURS)
    if math.isinf(alone):
        return []
    text = needed_text(beside, compared.evaluations)
    how = f"99 % in {text} with {compared.running} in parallel, {alone:g} alone; + 40 % at most"
    return [_said(beside <= alone * MOST_FOR_PARALLEL, how)]


def _random(compared: Compared) -> list[str]:
    ours = [name for name in OURS if name in compared.summaries]
    if not ours or "random" not in compared.summaries:
        return []
    below = below_random(compared.summaries, ours, compared.evaluations)
    return [_said(not below, "; ".join(below) or "never below random")]
