"""What must be as it was for a search to go on: its trials, its space, its data."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna

from nas.errors import NasError, listed
from nas.model.identity import architecture_hash
from nas.search.data import DataFacts
from nas.search.final_study import read_finals
from nas.search.settings import SearchSettings
from nas.search.store import StudyStore, open_store
from nas.search.trials import records_of
from nas.spec.architecture import parse_architecture
from nas.spec.load import KeyPath, show
from nas.spec.old_names import with_current_names
from nas.spec.space import SpaceSpec
from nas.spec.trial import GivenTrial

_SETTINGS = ("name", "budget", "search", "training", "score")
"""Keys of a space that settings.yaml has, resolved: they say nothing of its members."""
_CHECKED = 100
"""Networks of a study without a written space that are drawn again to see whether it is theirs."""


def refuse_lost_journal(folder: Path, settings: SearchSettings) -> None:
    """Raises NasError, before anything is written, where all trials of a table are gone."""
    store = open_store(settings.storage, folder, study=settings.study)
    if (folder / "trials.csv").exists() and not store.begun():
        raise NasError(
            f"its journal {store.place} is gone or empty: going on would begin anew and "
            "overwrite trials.csv (put the journal back, or remove trials.csv to begin anew)",
            file=folder,
        )


def refuse_lost_trials(study: optuna.Study, store: StudyStore) -> None:
    """Raises NasError where a table of the folder tells of what the studies have no more.

    What a table says of a trial that ended stood in the study before: a search that went on
    without it would train it again, and overwrite the table by less.
    """
    trials, finals = store.folder / "trials.csv", store.folder / "finalists.csv"
    if trials.exists():
        known = {
            f"trial {item.number}": (item.state, item.architecture_hash or "")
            for item in records_of(study)
        }
        _refuse_lost(trials, known, store.place, _trial_of)
    if finals.exists():
        records = read_finals(store.finals()) if store.finals_begun() else ()
        done = {f"trial {item.trial}, seed {item.seed}": (item.state, "") for item in records}
        _refuse_lost(finals, done, "the journal of finalists", _final_of)


Row = Mapping[str, str]


def _trial_of(row: Row) -> tuple[str, tuple[str, str]]:
    return f"trial {int(row['number'])}", (row["state"], row["architecture_hash"])


def _final_of(row: Row) -> tuple[str, tuple[str, str]]:
    return f"trial {int(row['trial'])}, seed {int(row['seed'])}", (row["state"], "")


def _refuse_lost(
    table: Path,
    known: Mapping[str, tuple[str, str]],
    journal: str,
    read: Callable[[Row], tuple[str, tuple[str, str]]],
) -> None:
    rows = _rows(table, read)
    wrong = [(name, row) for name, row in rows if row[0] != "running" and known.get(name) != row]
    if not wrong:
        return
    name, (state, hash_) = wrong[0]
    found, other = known.get(name, ("not there", ""))
    if found == state:
        found = f"another network ({other}, not {hash_})"
    raise NasError(
        f"{journal} lost what {table.name} tells of, {len(wrong)} of {len(rows)} rows: {name} is "
        f"{state} here and {found} there; going on would overwrite the table by less (put the "
        f"whole journal back, or remove {table.name} to go on with what is left)",
        file=table,
    )


def _rows(
    table: Path, read: Callable[[Row], tuple[str, tuple[str, str]]]
) -> list[tuple[str, tuple[str, str]]]:
    """What each row tells. Raises NasError for a file that is not the search's own table."""
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        reader = csv.DictReader(stream)
        try:
            rows = [read(row) for row in reader]
            if reader.fieldnames is not None and "state" not in reader.fieldnames:
                raise ValueError("no column state")
            return rows
        except (KeyError, ValueError, TypeError, csv.Error) as error:
            raise NasError(
                f"is not the table that the search wrote ({type(error).__name__}: {error}); it "
                "would be overwritten: move it away",
                file=table,
                line=reader.line_num,
            ) from error


def refuse_other_space(study: optuna.Study, space: SpaceSpec) -> None:
    """Raises NasError, with the first difference, where the study is of another space.

    A trial says which of a layer's values it has by their position, which in another space are
    other values. `space` has the data's classes.
    """
    now = _members_of(space)
    before = study.user_attrs.get("space")
    if before is None:
        _refuse_other_members(study, space)
        study.set_user_attr("space", now)
        return
    difference = _difference(before, now)
    if difference is None:
        return
    key, old, new = difference
    raise space.document.error(
        key,
        f"{show(old)} when the search began, now {show(new)}: what was trained would be read as "
        "other networks (put it back, or begin a new search)",
    )


def _members_of(space: SpaceSpec) -> dict[str, Any]:
    """What decides on the space's members, as its file says it."""
    data = {key: value for key, value in space.document.data.items() if key not in _SETTINGS}
    plain: dict[str, Any] = json.loads(json.dumps(data, default=str))
    return plain


_MISSING = "nothing"


def _difference(before: Any, now: Any, key: KeyPath = ()) -> tuple[KeyPath, Any, Any] | None:
    """The first place where two values differ, and what stands there."""
    keys: Iterable[str | int] = ()
    if isinstance(before, dict) and isinstance(now, dict):
        keys = {**before, **now}
        before, now = _Looked(before), _Looked(now)
    elif isinstance(before, list) and isinstance(now, list) and _has_parts(before + now):
        keys = range(max(len(before), len(now)))
        before, now = _Looked(dict(enumerate(before))), _Looked(dict(enumerate(now)))
    elif before != now or type(before) is not type(now):
        return key, before, now
    for part in keys:
        found = _difference(before[part], now[part], (*key, part))
        if found is not None:
            return found
    return None


class _Looked(dict[Any, Any]):
    """A mapping that has `_MISSING` for what it hasn't."""

    def __missing__(self, key: Any) -> str:
        return _MISSING


def _has_parts(values: list[Any]) -> bool:
    """Whether a list's items are told apart, rather than the whole list shown."""
    return any(isinstance(item, dict | list) for item in values)


def _refuse_other_members(study: optuna.Study, space: SpaceSpec) -> None:
    """Of a study without a written space: its networks must be the space's, drawn again."""
    for record, trial in _drawn(study):
        try:
            same = architecture_hash(space.sample(GivenTrial(trial.params))) == record
        except (LookupError, ValueError, NasError):
            same = False
        if not same:
            problem = f"trial {trial.number} is another network in this space than it was"
            raise NasError(f"{problem}: it was edited since", file=space.document.path)


def _drawn(study: optuna.Study) -> list[tuple[str, optuna.trial.FrozenTrial]]:
    """The hash of the network that each of the first trials had, and the trial."""
    trials = study.get_trials(deepcopy=False)
    known = [item for item in trials if "architecture" in item.user_attrs][:_CHECKED]
    return [
        (architecture_hash(parse_architecture(item.user_attrs["architecture"], "study")), item)
        for item in known
    ]


def refuse_other_data(
    study: optuna.Study, store: StudyStore, facts: DataFacts, *, key: str = "--resume"
) -> None:
    """Raises NasError where trials of now and before could not be compared."""
    before: Any = study.user_attrs.get("data")
    if before is not None:
        before = with_current_names(before, "provenance", store.place)
    if before is None:
        known = {"classes": list(facts.classes), "split_digest": facts.split_digest}
        study.set_user_attr("data", known)
    elif tuple(before["classes"]) != facts.classes:
        raise NasError(
            f"the data have other classes ({listed(facts.classes)}) than when the search began "
            f"({listed(before['classes'])})",
            key=key,
        )
    elif before["split_digest"] != facts.split_digest:
        raise NasError(
            "files came or went since the search began, so its validation split would be another: "
            "put them back, or begin a new search",
            key=key,
        )
