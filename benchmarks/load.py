"""Processor seconds and memory of a search where there is much of everything.

    python -m benchmarks.load [architectures|study|workers|pictures ...]

`architectures` are drawn, priced and hashed as the sampler does with candidates; `study` asks for
the next network, and writes table, front and report, behind so many trials; `workers` are processes
that fill one journal; `pictures` are listed and decoded. Seconds are of the processor, whatever
else the machine does; memory is the largest resident size, each part in a process of its own.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import click
import numpy as np
import optuna
from optuna.trial import TrialState, create_trial
from PIL import Image

from benchmarks.program import Program
from nas.data.dataset import DataRequest
from nas.data.image.load import load_images
from nas.search.candidates import Limits, NothingLeft, Proposer, price
from nas.search.data import DataFacts
from nas.search.job import Job
from nas.search.journal import JournalStore
from nas.search.known_cost.replay import Replay
from nas.search.pricing import PricedSpace
from nas.search.results import write_results
from nas.search.samplers import Draws
from nas.search.settings import SearchSettings
from nas.search.trials import count_spent, note_outcome, records_of
from nas.spec.definition import InputSpec
from nas.spec.search import SearchSpec
from nas.spec.space import SpaceSpec, load_space
from nas.spec.trial import RandomTrial
from nas.tasks.recipe import Recipe

SPACE = "shufflenet.yaml"
WORKERS = 8


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Says how many processor seconds the block took."""
    start = process_time()
    yield
    click.echo(f"  {what}: {process_time() - start:.2f} CPU s")


def memory_mib() -> float:
    """The largest resident size of this process so far."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def architectures(count: int, _: Path) -> None:
    """Draw, price and hash so many members; some of them are written too, as a trial's file is."""
    space = load_space(SPACE)
    priced, generator = PricedSpace(space, space.budget), np.random.default_rng(0)
    written = 0
    for part in range(10):
        start, before = process_time(), memory_mib()
        for _number in range(count // 10):
            _ = priced.draw(RandomTrial(generator)).key
        each_ms = 1e3 * (process_time() - start) / (count // 10)
        start = process_time()
        for _number in range(count // 1_000):
            price(space.sample(RandomTrial(generator)))
            written += 1
        written_ms = 1e3 * (process_time() - start) / (count // 1_000)
        click.echo(
            f"  {(part + 1) * (count // 10):>7,} drawn, priced, hashed: {each_ms:.2f} ms each; "
            f"with the file written {written_ms:.2f} ms ({written:,}); largest size "
            f"{memory_mib():.0f} MiB, {memory_mib() - before:+.0f}"
        )


def study(count: int, folder: Path) -> None:
    """Ask, and report, behind so many trials."""
    space = load_space(SPACE)
    settings = SearchSettings(search=SearchSpec(trials=count + 100), budget=space.budget)
    job = Job(folder, settings, space.classes, "macro_f1", 0, None)
    (folder / "space.yaml").write_text(space.document.text, encoding="utf-8")
    with timed(f"{count:,} trials written into a journal"):
        fill(JournalStore(folder).search(job.objectives.directions), space, count)
    with timed("the journal read"):
        store = JournalStore(folder, 1)
        filled = store.search(job.objectives.directions)
        records_of(filled)
    draws = Draws("known_cost", 0, PricedSpace(space, space.budget, job.objectives))
    proposer = Proposer(filled, draws, Limits(space.budget, count + 100), store)
    with timed("the first network asked for, which reads what was tried"):
        tell(filled, proposer)
    for _number in range(3):
        with timed("the next network asked for"):
            tell(filled, proposer)
    recipe = Recipe(settings.training)
    facts = DataFacts(space.classes, "none", (), "0", recipe)
    with timed("table, front, best network and report"):
        write_results(filled, job, facts)
    click.echo(f"  largest size {memory_mib():.0f} MiB")


def tell(filled: optuna.Study, proposer: Proposer) -> None:
    proposal = proposer.propose()
    metric = metric_of(proposal.candidate.macs, np.random.default_rng(proposal.trial.number))
    note_outcome(proposal.trial, "trained", validation_sd=0.01, history=[metric], epochs=1)
    filled.tell(proposal.trial, [proposal.candidate.macs, metric])


def metric_of(macs: int, generator: np.random.Generator) -> float:
    """It rises with the cost, and with luck."""
    return float(np.clip(0.1 * np.log10(macs) + 0.02 * generator.normal(), 0, 1))


def fill(filled: optuna.Study, space: SpaceSpec, count: int) -> None:
    """Add trials of random members, as a search's own say what they came to.

    All have one architecture's text, which would take longest to write.
    """
    generator, priced = np.random.default_rng(0), PricedSpace(space, space.budget)
    text = price(space.sample(RandomTrial(generator))).architecture_yaml
    for _number in range(count):
        replay = Replay(generator)
        drawn = priced.draw(replay)
        macs = drawn.cost.macs
        metric = metric_of(macs, generator)
        filled.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                params=replay.params,
                distributions=replay.distributions,
                values=[macs, metric],
                system_attrs={"constraints:budget": -0.1},
                user_attrs={
                    "macs": macs,
                    "parameters": drawn.cost.parameters,
                    "architecture": text,
                    "architecture_hash": drawn.key,
                    "outcome": "trained",
                    "seconds": 60.0,
                    "epochs": 3,
                    "history": [metric - 0.1, metric - 0.05, metric],
                    "validation_sd": 0.01,
                },
            )
        )


def workers(count: int, folder: Path) -> None:
    """Several processes draw and end so many trials together in one journal."""
    space = load_space(SPACE)
    (folder / "space.yaml").write_text(space.document.text, encoding="utf-8")
    JournalStore(folder).search(("minimize", "maximize"))
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=fill_together, args=(folder, number, count))
        for number in range(WORKERS)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    trials = JournalStore(folder).search(("minimize", "maximize")).get_trials(deepcopy=False)
    records = records_of(JournalStore(folder).search(("minimize", "maximize")))
    hashes = [item.architecture_hash for item in records if item.state == "trained"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    click.echo(
        f"  {WORKERS} workers: exit codes {sorted({item.exitcode for item in started})}, "
        f"{len(trials):,} trials, {count_spent(records):,} trained of {count:,} wanted, "
        f"{len(hashes) - len(set(hashes))} twice, "
        f"{len([item for item in trials if not item.state.is_finished()])} left open; "
        f"{1e3 * (used.ru_utime + used.ru_stime) / count:.0f} CPU ms a trial, starts included; "
        f"largest worker {used.ru_maxrss / 1024:.0f} MiB"
    )


def fill_together(folder: Path, number: int, count: int) -> None:
    """One of the workers."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = load_space(SPACE)
    store = JournalStore(folder, number)
    filled = store.search(("minimize", "maximize"))
    draws = Draws("random", 0, PricedSpace(space, space.budget))
    proposer = Proposer(filled, draws, Limits(space.budget, count), store)
    try:
        while True:
            tell(filled, proposer)
    except NothingLeft:
        return


def pictures(count: int, folder: Path) -> None:
    """List and decode so many pictures of 8 x 8 pixels, into an input of 3 x 32 x 32."""
    names = [folder / "data" / split / name for split in ("train", "val") for name in "ab"]
    for place in names:
        place.mkdir(parents=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(names[number % 4] / f"{number}.png")
    before = memory_mib()
    os.environ["NAS_CACHE"] = str(folder / "cache")
    size = InputSpec(channels=3, height=32, width=32)
    with timed(f"{count:,} pictures listed and decoded"):
        load_images(DataRequest(folder / "data", size, None))
    click.echo(f"  largest size {memory_mib():.0f} MiB, {memory_mib() - before:+.0f}")
    with timed("once more, from the cache"):
        load_images(DataRequest(folder / "data", size, None))
    click.echo(f"  largest size {memory_mib():.0f} MiB")


PARTS: dict[str, tuple[Callable[[int, Path], None], int]] = {
    "architectures": (architectures, 200_000),
    "study": (study, 10_000),
    "workers": (workers, 400),
    "pictures": (pictures, 200_000),
}
"""Each part, and how many of its things."""


def run_part(name: str, count: int) -> None:
    """One part, in a folder of its own that is removed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    click.echo(f"{name}, {count:,}")
    with tempfile.TemporaryDirectory() as folder:
        PARTS[name][0](count, Path(folder))


@click.command(cls=Program)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0,
              show_default=True, help="Of the numbers of things.")  # fmt: skip
def main(parts: tuple[str, ...], share: float) -> None:
    """Measure some parts, by default all."""
    context = multiprocessing.get_context("spawn")
    for name in parts or tuple(PARTS):
        count = max(1_000 if name == "architectures" else 10, round(share * PARTS[name][1]))
        process: Any = context.Process(target=run_part, args=(name, count))
        process.start()
        process.join()
        if process.exitcode:
            raise click.ClickException(f"{name} ended with exit code {process.exitcode}")


if __name__ == "__main__":
    main()
