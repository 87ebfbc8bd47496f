"""Optuna's storages on servers, which wait for a server that is away instead of failing."""

import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from optuna.exceptions import StorageInternalError
from optuna.storages import GrpcStorageProxy, RDBStorage
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

PATIENCE_S = 600.0
"""After that long without an answer a server counts as gone for good."""
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED)
"""Of a proxy; UNKNOWN is what it says of an error of its own, as when its database is away."""

_Storage = TypeVar("_Storage", bound=type)
_CALLS = (
    "create_new_study", "set_study_user_attr", "set_study_system_attr", "get_study_id_from_name",
    "get_study_name_from_id", "get_study_directions", "get_study_user_attrs",
    "get_study_system_attrs", "get_all_studies", "create_new_trial", "_create_new_trial",
    "set_trial_param", "_set_trial_param", "get_trial_id_from_study_id_trial_number",
    "set_trial_state_values", "set_trial_intermediate_value", "set_trial_user_attr",
    "set_trial_system_attr", "get_trial", "get_all_trials", "_get_trials",
)  # fmt: skip
"""Methods that ask the server. Each may be asked again: what an answer that was lost had done is
done once, but for a new trial, which then runs in nobody's name until it is given back."""


def is_away(error: Exception) -> bool:
    """Whether an error says that the server can't be reached now, rather than what it refuses."""
    if isinstance(error, grpc.RpcError):
        return error.code() in _AWAY
    if isinstance(error, StorageInternalError):
        cause = error.__cause__
        return isinstance(cause, OperationalError | InterfaceError) or (
            isinstance(cause, DBAPIError) and cause.connection_invalidated
        )
    return isinstance(error, OperationalError | InterfaceError)


def patient(call: Callable[..., Any]) -> Callable[..., Any]:
    """The method, asked again while its server is away, for at most `PATIENCE_S`."""

    @wraps(call)
    def asked_again(*arguments: Any, **named: Any) -> Any:
        wait, until = FIRST_WAIT_S, time.monotonic() + PATIENCE_S
        while True:
            try:
                return call(*arguments, **named)
            except Exception as error:
                if not is_away(error) or time.monotonic() >= until:
                    raise
                if wait == FIRST_WAIT_S:
                    print("the storage does not answer: asking again", file=sys.stderr)
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_S)

    return asked_again


def _all_patient(storage: _Storage) -> _Storage:
    for name in _CALLS:
        if hasattr(storage, name):
            setattr(storage, name, patient(getattr(storage, name)))
    return storage


@_all_patient
class PatientDatabase(RDBStorage):
    """Optuna's storage in a database."""


@_all_patient
class PatientProxy(GrpcStorageProxy):
    """Optuna's proxy of a storage."""
