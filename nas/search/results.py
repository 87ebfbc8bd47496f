"""Results of a search in its folder: table, front, best network, report."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from pydantic import JsonValue

from nas.files import atomic_write_bytes, atomic_write_text
from nas.macs.report import fact_text
from nas.report.figure import only_drawn
from nas.report.findings import Findings
from nas.report.front_plot import front_png
from nas.report.html import SearchPage, write_report
from nas.report.tables import expectation_text, finalist_table, front_table, noise_text
from nas.runs.records import (
    Certainty,
    FinalRecord,
    TrialRecord,
    write_finalists_csv,
    write_trials_csv,
)
from nas.search.choice import ChosenTrial, choose, pareto_front
from nas.search.data import DataFacts
from nas.search.estimates import Posterior, estimate_all, pool_seed_noise, study_posterior
from nas.search.final_study import read_finals
from nas.search.finalists import FinalPlan, posterior_front
from nas.search.job import Job
from nas.search.objective import Objectives
from nas.search.settings import SearchSettings
from nas.search.teacher import teacher_facts
from nas.search.trials import count_spent, records_of
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.budget import BudgetSpec
from nas.spec.provenance import Provenance
from nas.spec.quantity import count_text
from nas.tasks.registry import task_named


@dataclass(frozen=True)
class FinalVerdict:
    """The choice, and the estimates behind it."""

    choice: ChosenTrial | None
    """None where no network was trained."""
    certainty: Certainty


def judge(
    records: Sequence[TrialRecord],
    posterior: Posterior,
    finals: Sequence[FinalRecord],
    settings: SearchSettings,
    *,
    objectives: Objectives,
) -> FinalVerdict:
    """Choose by lower bounds of the metric: among finalists once one has been repeated.

    Before that, and without finalists, among the front by the model's own bounds.
    """
    ended = tuple(item for item in FinalPlan.of(settings).comparable(finals) if _ended(item))
    noise = pool_seed_noise(ended, posterior.noise_sd)
    estimates = estimate_all(records, posterior, ended, noise)
    repeated = {number for number, estimate in estimates.items() if estimate.seeds}
    front = {item.number for item in posterior_front(records, posterior, objectives)}
    members = [item for item in records if item.number in front | repeated]
    choice = choose(
        members,
        estimates,
        settings.budget,
        settings.score,
        objectives=objectives,
        among=repeated or None,
    )
    return FinalVerdict(choice, Certainty(estimates, noise, ended))


def _ended(item: FinalRecord) -> bool:
    return item.state != "running"


@dataclass(frozen=True)
class SearchResult:
    """Result of a search."""

    folder: Path
    objectives: Objectives
    records: tuple[TrialRecord, ...]
    front: tuple[TrialRecord, ...]
    """By what was measured of each network once, in the search."""
    verdict: FinalVerdict
    budget: BudgetSpec
    preliminary: str | None = None
    """Why the choice may change; None where it is the last word."""

    @property
    def metric(self) -> str:
        """Name of the task's primary metric."""
        return self.objectives.metric

    @property
    def findings(self) -> Findings:
        """What tables and pictures show of it."""
        axis = self.objectives.axis
        return Findings(
            self.records,
            self.front_numbers,
            self.best,
            self.metric,
            self.verdict.certainty,
            cost=axis.kind,
            max_cost=self.budget.of_cost(axis.name),
            further=self.objectives.kinds,
        )

    @property
    def choice(self) -> ChosenTrial | None:
        """The chosen trial; None where no network was trained."""
        return self.verdict.choice

    @property
    def because(self) -> str:
        """Why it was chosen, and why that may change; empty where nothing was."""
        if self.choice is None:
            return ""
        doubt = f" (preliminary: {self.preliminary})" if self.preliminary else ""
        return self.choice.because + doubt

    @property
    def best(self) -> int | None:
        """Number of the chosen trial."""
        return None if self.choice is None else self.choice.number

    @property
    def best_cost_facts(self) -> tuple[str, ...]:
        """More of what the chosen network costs, in words."""
        chosen = next((item for item in self.records if item.number == self.best), None)
        if chosen is None:
            return ()
        architecture = parse_architecture(chosen.architecture_yaml or "", self.folder)
        facts = task_named(architecture.task).cost_facts(architecture, chosen.macs or 0)
        return tuple(fact_text(name, value) for name, value in facts.items())

    @property
    def front_numbers(self) -> tuple[int, ...]:
        """Trial numbers of the front, cheapest first."""
        return tuple(record.number for record in self.front)


def write_results(
    study: optuna.Study, job: Job, data: DataFacts, *, ended: bool = True
) -> SearchResult:
    """Judge what was trained, and write it into the job's folder, each file atomically.

    `trials.csv`, `finalists.csv`, `best.yaml`, `front.png`, `report.html`, and in `front/` the
    members of the front and the finalists. Not `ended` is a search that was interrupted.
    """
    folder, settings = job.folder, job.settings
    result = _judged(study, job, ended=ended)
    further = [item.name for item in job.objectives.further]
    write_trials_csv(folder / "trials.csv", result.records, job.metric, further)
    if finals := result.verdict.certainty.finals:
        write_finalists_csv(folder / "finalists.csv", finals, job.metric)
    architectures = _write_networks(result, settings, data)
    picture = None
    with only_drawn(folder / "front.png"):
        picture = front_png(result.findings)
        atomic_write_bytes(folder / "front.png", picture)
    with only_drawn(folder / "report.html"):
        page = _page_of(result, settings, data, architectures, picture)
        write_report(folder / "report.html", page)
    return result


def write_standing(study: optuna.Study, job: Job, data: DataFacts) -> None:
    """Write `front/` and `best.yaml` of a search that goes on."""
    _write_networks(_judged(study, job, ended=False), job.settings, data)


def _judged(study: optuna.Study, job: Job, *, ended: bool) -> SearchResult:
    settings, goals = job.settings, job.objectives
    records = records_of(study)
    store = job.store()
    finals = read_finals(store.finals()) if store.finals_begun() else ()
    verdict = judge(records, study_posterior(study, goals), finals, settings, objectives=goals)
    front = pareto_front(records, goals)
    why = _preliminary(records, verdict, settings, ended=ended)
    return SearchResult(job.folder, goals, records, front, verdict, settings.budget, why)


def _preliminary(
    records: Sequence[TrialRecord],
    verdict: FinalVerdict,
    settings: SearchSettings,
    *,
    ended: bool,
) -> str | None:
    search = settings.search
    if not ended:
        done = min(count_spent(records), search.trials)
        return f"{done} of {search.trials} networks were trained when it was made"
    repeated = any(item.state == "trained" for item in verdict.certainty.finals)
    return "no finalist was trained again" if search.finalists and not repeated else None


def _write_networks(
    result: SearchResult, settings: SearchSettings, data: DataFacts
) -> dict[int, str]:
    """Write `front/` and `best.yaml`; the architectures of the front and of the finalists."""
    shown = {*result.front_numbers, *result.verdict.certainty.finalists, result.best}
    architectures = {
        record.number: _architecture_text(result, record, settings, data)
        for record in result.records
        if record.number in shown
    }
    _write_front(result.folder / "front", architectures)
    if result.best is not None:
        note = f"# Preliminary choice: {result.preliminary}.\n" if result.preliminary else ""
        atomic_write_text(result.folder / "best.yaml", note + architectures[result.best])
    return architectures


def _page_of(
    result: SearchResult,
    settings: SearchSettings,
    data: DataFacts,
    architectures: dict[int, str],
    picture: bytes | None,
) -> SearchPage:
    return SearchPage(
        title=result.folder.resolve().name,
        command=settings.command,
        data=data.source,
        found=result.findings,
        chosen_because=result.because,
        space_yaml=(result.folder / "space.yaml").read_text(encoding="utf-8"),
        settings=settings.model_dump(mode="json", exclude={"environment", "command", "data"}),
        environment=settings.environment,
        architectures=architectures,
        front_png=picture,
        cost_facts=result.best_cost_facts,
    )


def _architecture_text(
    result: SearchResult, record: TrialRecord, settings: SearchSettings, data: DataFacts
) -> str:
    """The trial's architecture with where it comes from and what to expect of it."""
    architecture = parse_architecture(record.architecture_yaml or "", result.folder)
    found = Provenance(
        study=result.folder.resolve().name,
        trial=record.number,
        architecture_hash=record.architecture_hash,
        macs=record.macs,
        parameters=record.parameters,
        training=settings.training.model_dump(mode="json"),
        data=data.source,
        split_digest=data.split_digest,
        split_seed=settings.split_seed,
        groups=settings.groups,
        commit=settings.environment.get("commit", "unknown"),
    )
    costs = {kind.name: record.costs.get(kind.name) for kind in result.objectives.kinds}
    measured = Provenance.model_validate(
        {
            **task_named(architecture.task).cost_facts(architecture, record.macs or 0),
            **costs,
            **_metric_facts(record, result.verdict.certainty, result.metric),
        }
    )
    provenance = measured.joined(found).joined(teacher_facts(result.folder, settings))
    return dump_architecture(replace(architecture, provenance=provenance))


def _metric_facts(record: TrialRecord, certainty: Certainty, metric: str) -> dict[str, JsonValue]:
    """What was measured of a network, and what to expect of it, under the metric's name."""
    estimate = certainty.estimates[record.number]
    return {
        f"validation_{metric}": record.metric,
        f"{metric}_mean": round(estimate.mean, 6),
        f"{metric}_at_least": round(estimate.lower, 6),
        f"{metric}_seeds": list(estimate.seeds),
        f"{metric}_validation_sd": round(estimate.validation_sd, 6),
        f"{metric}_seed_sd": round(certainty.noise.sd, 6),
    }


def _write_front(folder: Path, architectures: dict[int, str]) -> None:
    """One file a network; what is there of an earlier front is removed."""
    names = {f"trial-{number:04d}.yaml": text for number, text in architectures.items()}
    for name, text in names.items():
        atomic_write_text(folder / name, text)
    for old in folder.glob("trial-*.yaml"):
        if old.name not in names:
            old.unlink()


def result_lines(result: SearchResult) -> list[str]:
    """What a person is told of a search that ended: the front, the finalists, the best network."""
    certainty = result.verdict.certainty
    lines = ["", front_table(result.findings)]
    if certainty.finals:
        lines += ["", finalist_table(result.findings)]
    if result.choice is None:
        return lines
    chosen = next(item for item in result.records if item.number == result.best)
    estimate = certainty.estimates[chosen.number]
    facts = "".join(f" ({fact})" for fact in result.best_cost_facts)
    best = "Best so far" if result.preliminary else "Best"
    return [
        *lines,
        f"\n{best}: trial {chosen.number}, {count_text(chosen.macs)} MACs{facts}, "
        f"{expectation_text(chosen, estimate, metric=result.metric)},",
        f"  since {result.because}.",
        f"  {noise_text(certainty, chosen.number, metric=result.metric)}.",
        f"  in {result.folder}: best.yaml, report.html, trials.csv, front/",
        f"  next: nas train --arch {shlex.quote(str(result.folder / 'best.yaml'))}",
    ]
