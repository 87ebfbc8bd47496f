"""A baseline trained on several folds: a run for each in a folder of its own, then their pool."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from baselines.covid.settings import XrayBaselineSettings
from nas.errors import NasError
from nas.files import atomic_write_text
from nas.report.lines import Say
from nas.runs.folder import locked_run, new_run_folder, refuse_taken
from nas.spec.load import read_document
from nas.spec.validate import validate
from nas.spec.yaml_text import block
from nas.train.plan import METRICS_FILE, TRAINING_FILE, RunPlan
from nas.train.pooled import pool_and_say
from nas.train.trained import ARCHITECTURE_FILE

SETTINGS_FILE = "baseline.yaml"
"""All that was resolved when the folds were begun: they go on from it alone."""
POOL_FILE = "folds.json"
"""What all folds reached together; written last, so its presence says that all is done."""

Settings = TypeVar("Settings", bound=XrayBaselineSettings)


def fold_folder(out: Path, fold: int) -> Path:
    """Where a fold's run is, or its steps are."""
    return out / f"fold-{fold}"


@contextmanager
def begun_folds(out: Path | None, name: str, settings: XrayBaselineSettings) -> Iterator[Path]:
    """A new folder, `out` or `runs/NAME`, with `settings` in it, held for this process.

    Raises NasError for a folder that is taken.
    """
    folder = new_run_folder(out, name)
    with locked_run(folder):
        refuse_taken(folder)  # another process may have been given the same empty folder
        text = block(settings.model_dump(mode="json")) + "\n"
        atomic_write_text(folder / SETTINGS_FILE, text)
        yield folder


@contextmanager
def resumed_folds(
    out: Path, kind: type[Settings], threads: int | None = None
) -> Iterator[Settings]:
    """The settings that the folder was begun with, its threads if given; it is held for this
    process.

    `kind` names its command in the default of `baseline`. Raises NasError where no folds
    were begun or all are done, for settings of another command, and while another process works
    there.
    """
    if not (out / SETTINGS_FILE).exists():
        single = (out / ARCHITECTURE_FILE).exists()
        hint = f"; a single run goes on with `nas train --resume {out}`" if single else ""
        raise NasError(f"no folds of a baseline were begun here{hint}", file=out, key="--resume")
    with locked_run(out):
        settings = _read_settings(out / SETTINGS_FILE, kind)
        if (out / POOL_FILE).exists():
            raise NasError(f"all folds are finished: see its {POOL_FILE}", file=out)
        yield settings if threads is None else settings.model_copy(update={"threads": threads})


def _read_settings(file: Path, kind: type[Settings]) -> Settings:
    document = read_document(file)
    own = kind.model_fields["baseline"].default
    if isinstance(document.data, dict) and (found := document.data.get("baseline")) != own:
        raise document.error(("baseline",), f"these are folds of {found!r}, not of {own!r}")
    return validate(kind, document)


def run_folds(
    out: Path,
    folds: Sequence[int],
    run_fold: Callable[[int, Path], Path],
    device: torch.device,
    *,
    command: str,
    say: Say = print,
) -> None:
    """Do what is left of each fold, then say and write what all reached together.

    `run_fold` is given a fold and its folder, and gives the finished run that is pooled; work that
    was finished before it keeps (see `finish_run`). `command` is the one that goes on, in words.
    """
    runs = []
    for number, fold in enumerate(folds, start=1):
        before = "\n" if number > 1 else ""
        say(f"{before}fold {fold} ({number} of {len(folds)})")
        try:
            runs.append(run_fold(fold, fold_folder(out, fold)))
        except KeyboardInterrupt:
            say(f"stopped in fold {fold}; go on with: {command} --resume {out}")
            raise
    say("")
    pool_and_say(runs, device, out / POOL_FILE, say=say)


def finish_run(
    folder: Path,
    new_plan: Callable[[Path], RunPlan],
    carry_out: Callable[[RunPlan], object],
    *,
    say: Say = print,
) -> Path:
    """The folder, its run finished: kept if it is, gone on with if it was begun, else begun.

    Raises NasError while another process works in it.
    """
    if (folder / METRICS_FILE).exists():
        say(f"finished before: {folder}")
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with locked_run(folder):
        if (folder / ARCHITECTURE_FILE).exists() and (folder / TRAINING_FILE).exists():
            plan = RunPlan.from_folder(folder)
        else:
            _clear(folder)
            plan = new_plan(folder)
        carry_out(plan)
    return folder


def _clear(folder: Path) -> None:
    """Remove what a start that was killed wrote of the plan: it would be taken for a run."""
    for path in folder.iterdir():
        if path.name == ARCHITECTURE_FILE or path.name.startswith(
            (f".{ARCHITECTURE_FILE}.", f".{TRAINING_FILE}.")
        ):
            path.unlink()
