"""The best networks of each run trained again with other seeds, all by the same recipe.

The best of many noisy measurements is partly luck, and the more were made the more so: only
measurements that chose nothing compare searches that tried different numbers of networks.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.wall_clock.arms import ArmRun, Terms, read_runs
from benchmarks.wall_clock.front import best_within
from benchmarks.wall_clock.measured import Measured
from nas.data.dataset import DataRequest
from nas.data.image.dataset import ImageData
from nas.data.splits import Split
from nas.model.build import build_network
from nas.spec.architecture import parse_architecture
from nas.spec.definition import InputSpec
from nas.spec.space import load_space
from nas.tasks.image.task import ImageTask
from nas.train.device import seeded, set_threads
from nas.train.loop import evaluate, fit

RETRAINED = "retrained.jsonl"
FIRST_SEED = 1_000
"""Far from the seeds of searches."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Retrained:
    """One more training of a network."""

    architecture_hash: str
    seed: int
    validation_macro_f1: float
    test_macro_f1: float | None


def best_of_run(
    run: ArmRun, limits: Sequence[int], minutes: float | None
) -> dict[int, Measured | None]:
    """The network of highest macro-F1 at each limit of MACs, as the search had measured it."""
    measured = run.timeline(minutes or run.terms.minutes).measured
    return {limit: best_within(measured, limit) for limit in limits}


def read_retrained(out: Path) -> list[Retrained]:
    """What has been trained again in a folder of runs."""
    path = out / RETRAINED
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Retrained(**json.loads(line)) for line in lines]


def retrain_best(
    out: Path,
    limits: Sequence[int],
    times: int,
    minutes: float | None,
    processes: int,
    *,
    test: bool,
    say: Callable[[str], None],
) -> None:
    """Train the best networks of all runs `times` times; what was done before is kept."""
    runs = read_runs(out)
    done = {
        (item.architecture_hash, item.seed)
        for item in read_retrained(out)
        if not test or item.test_macro_f1 is not None
    }
    networks = {
        best.architecture_hash: best.architecture_yaml
        for run in runs
        for best in best_of_run(run, limits, minutes).values()
        if best is not None
    }
    tasks = [
        (hash_, text, seed)
        for seed in range(FIRST_SEED, FIRST_SEED + times)
        for hash_, text in networks.items()
        if (hash_, seed) not in done
    ]
    say(f"{len(networks)} networks, {len(tasks)} trainings to make")
    with (
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
        (out / RETRAINED).open("a", encoding="utf-8") as stream,
    ):
        futures = [pool.submit(_retrain, *task, runs[0].terms, test) for task in tasks]
        for future in as_completed(futures):
            stream.write(json.dumps(asdict(future.result())) + "\n")
            stream.flush()


def _retrain(hash_: str, text: str, seed: int, terms: Terms, test: bool) -> Retrained:
    set_threads(1)
    architecture = parse_architecture(text, Path(hash_))
    training = load_space(terms.space).training.model_copy(
        update={"epochs": terms.epochs, "seed": seed}
    )
    task, data = ImageTask(), _load(terms, architecture.input, test)
    with seeded(seed, CPU):
        network = build_network(architecture)
    result = fit(network, data, task, training, device=CPU)
    tested = evaluate(network, data, task, "test", device=CPU).primary if test else None
    return Retrained(hash_, seed, result.best_validation.primary, tested)


@lru_cache(maxsize=1)
def _load(terms: Terms, size: InputSpec, test: bool) -> ImageData:
    preprocess = load_space(terms.space).preprocess
    splits: tuple[Split, ...] = ("train", "validation")
    if test:
        splits = (*splits, "test")
    return ImageTask().load_data(DataRequest(Path(terms.data), size, preprocess, splits=splits))
