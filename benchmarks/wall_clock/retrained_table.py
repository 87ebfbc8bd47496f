"""What the best networks of each run reach when they are trained again."""

from collections.abc import Sequence
from statistics import mean

from benchmarks.wall_clock.arms import Arm, ArmRun
from benchmarks.wall_clock.cells import UNKNOWN, f1_text, known_median
from benchmarks.wall_clock.retraining import Retrained, best_of_run
from nas.spec.quantity import count_text
from nas.text_table import aligned

Means = dict[tuple[Arm, int], list[float | None]]
"""By arm and seed: mean macro-F1 at each limit."""


def retrained_tables(
    runs: Sequence[ArmRun],
    retrained: Sequence[Retrained],
    limits: Sequence[int],
    minutes: float | None,
) -> str:
    """A table by validation, and one by test where that was measured."""
    times = len({item.seed for item in retrained})
    parts: list[str] = []
    for split in ("validation", "test"):
        values = _by_network(retrained, split)
        if values:
            title = (
                f"Mean {split} macro-F1 of {times} more trainings, other seeds, of each run's best "
                "network by validation"
            )
            means = _means(runs, values, limits, minutes)
            parts.append("\n".join([title, *_table(means, limits)]))
    return "\n\n".join(parts)


def _by_network(retrained: Sequence[Retrained], split: str) -> dict[str, dict[int, float]]:
    """Macro-F1 by hash and training seed."""
    found: dict[str, dict[int, float]] = {}
    for item in retrained:
        value = item.validation_macro_f1 if split == "validation" else item.test_macro_f1
        if value is not None:
            found.setdefault(item.architecture_hash, {})[item.seed] = value
    return found


def _means(
    runs: Sequence[ArmRun],
    values: dict[str, dict[int, float]],
    limits: Sequence[int],
    minutes: float | None,
) -> Means:
    means: Means = {}
    for run in runs:
        best = best_of_run(run, limits, minutes)
        hashes = [None if item is None else item.architecture_hash for item in best.values()]
        means[run.arm, run.seed] = [
            mean(values[hash_].values()) if hash_ in values else None for hash_ in hashes
        ]
    return means


def _table(means: Means, limits: Sequence[int]) -> list[str]:
    rows = [["run", *(f"<= {count_text(limit)}" for limit in limits)]]
    rows += [[f"{arm} seed {seed}", *map(f1_text, values)] for (arm, seed), values in means.items()]
    arms = list(dict.fromkeys(arm for arm, _ in means))
    for arm in arms:
        of_arm = [values for (name, _), values in means.items() if name == arm]
        rows.append(
            [f"{arm}, median", *(f1_text(known_median(v)) for v in zip(*of_arm, strict=True))]
        )
    for arm in arms:
        if arm != "ours" and "ours" in arms:
            rows.append(_difference(means, arm, limits))
    return aligned(rows, left=(0,))


def _difference(means: Means, arm: Arm, limits: Sequence[int]) -> list[str]:
    """Mean over seeds of ours less the other arm, where both are known, and in how many it is."""
    cells: list[str] = []
    for place in range(len(limits)):
        pairs = [
            (values[place], means[arm, seed][place])
            for (name, seed), values in means.items()
            if name == "ours" and (arm, seed) in means
        ]
        gaps = [a - b for a, b in pairs if a is not None and b is not None]
        ahead = f"{sum(gap > 0 for gap in gaps)} of {len(gaps)}"
        text = f"{f1_text(mean(gaps), signed=True)} ({ahead} ahead)" if gaps else UNKNOWN
        cells.append(text)
    return [f"ours - {arm}, mean", *cells]
