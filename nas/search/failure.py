"""What is left of a training that failed: a reason in the journal and the log, free memory."""

import traceback
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState

from nas.errors import NasError
from nas.runs.folder import append_log
from nas.search.trials import note_outcome
from nas.train.failure import TrainingFailed

MAX_REASON = 500
"""Characters of a failure's reason that are kept."""


def note_failure(
    folder: Path,
    study: optuna.Study,
    trial: optuna.Trial,
    name: str,
    error: Exception,
    **known: Any,
) -> None:
    """Tell the study and `log.txt` that the training called `name` failed, and why.

    `known` are further attributes of the trial. A fault of the program's own is logged whole.
    """
    reason = reason_of(error)
    append_log(folder, f"{name} failed: {reason}")
    if not isinstance(error, TrainingFailed | NasError):
        append_log(folder, "".join(traceback.format_exception(error)))
    note_outcome(trial, "failed", reason=reason, **known)
    study.tell(trial, state=TrialState.FAIL)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def reason_of(error: Exception) -> str:
    """What is kept of an error that ended a training."""
    if isinstance(error, TrainingFailed | NasError):
        return str(error)[:MAX_REASON]
    return f"{type(error).__name__}: {error}"[:MAX_REASON]
