"""What a search leaves in its folder: table, front, best network, report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from nas.files import atomic_write_text
from nas.report.front_plot import plot_front
from nas.report.html import write_report
from nas.runs.trials import TrialRecord, write_trials_csv
from nas.search.choice import Choice, choose, pareto_front
from nas.search.data_facts import DataFacts
from nas.search.settings import SearchSettings
from nas.spec.architecture import dump_architecture, parse_architecture


@dataclass(frozen=True)
class SearchResult:
    """What a search found."""

    folder: Path
    records: tuple[TrialRecord, ...]
    front: tuple[TrialRecord, ...]
    choice: Choice | None

    @property
    def best(self) -> int | None:
        """Number of the chosen trial."""
        return None if self.choice is None else self.choice.number

    @property
    def front_numbers(self) -> tuple[int, ...]:
        """Trial numbers of the front, cheapest first."""
        return tuple(record.number for record in self.front)


def write_results(
    folder: Path, records: Sequence[TrialRecord], settings: SearchSettings, data: DataFacts
) -> SearchResult:
    """Write `trials.csv`, `front/*.yaml`, `best.yaml`, `front.png`, `report.html`, each atomically.

    `source` is where the data came from: a path, or the name of a built-in set.
    """
    write_trials_csv(folder / "trials.csv", records)
    front = pareto_front(records)
    choice = choose(front, settings.budget, settings.score)
    result = SearchResult(folder, tuple(records), front, choice)
    texts = {record.number: _architecture_text(folder, record, settings, data) for record in front}
    _write_front(folder / "front", texts)
    if result.best is not None:
        atomic_write_text(folder / "best.yaml", texts[result.best])
    plot_front(
        records,
        result.front_numbers,
        result.best,
        folder / "front.png",
        max_macs=settings.budget.max_macs,
    )
    _write_page(result, settings, data, texts)
    return result


def _write_page(
    result: SearchResult, settings: SearchSettings, data: DataFacts, texts: dict[int, str]
) -> None:
    values = settings.model_dump(mode="json", exclude={"environment", "command", "data"})
    write_report(
        result.folder / "report.html",
        title=result.folder.resolve().name,
        command=settings.command,
        data=data.source,
        records=result.records,
        front=result.front_numbers,
        best=result.best,
        chosen_because="" if result.choice is None else result.choice.because,
        max_macs=settings.budget.max_macs,
        space_yaml=(result.folder / "space.yaml").read_text(encoding="utf-8"),
        settings=values,
        environment=settings.environment,
        front_architectures=texts,
    )


def _architecture_text(
    folder: Path, record: TrialRecord, settings: SearchSettings, data: DataFacts
) -> str:
    """The trial's architecture with where it comes from."""
    architecture = parse_architecture(record.architecture_yaml or "", folder / "study.log")
    provenance: dict[str, JsonValue] = {
        "study": folder.resolve().name,
        "trial": record.number,
        "architecture_hash": record.architecture_hash,
        "macs": record.macs,
        "parameters": record.parameters,
        "validation_macro_f1": record.macro_f1,
        "training": settings.training.model_dump(mode="json"),
        "data": data.source,
        "made_digest": data.made_digest,
        "split_seed": settings.split_seed,
        "groups": settings.groups,
        "commit": settings.environment.get("commit", "unknown"),
    }
    return dump_architecture(replace(architecture, provenance=provenance))


def _write_front(folder: Path, texts: dict[int, str]) -> None:
    """One file a member; what is there of an earlier front is removed."""
    names = {f"trial-{number:04d}.yaml": text for number, text in texts.items()}
    for name, text in names.items():
        atomic_write_text(folder / name, text)
    for old in folder.glob("trial-*.yaml"):
        if old.name not in names:
            old.unlink()
