"""Address of a storage on a server, without a password, and the connection to it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, get_storage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from nas.errors import NasError, did_you_mean
from nas.search.patience import PatientDatabase, PatientProxy

PASSWORD_FILE = "NAS_STORAGE_PASSWORD_FILE"
"""Environment variable with the path of a file whose first line is the password."""
DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg"),
    "mysql": ("mysql+pymysql", "pymysql"),
    "mariadb": ("mysql+pymysql", "pymysql"),
    "sqlite": ("sqlite", "sqlite3"),
}
"""Scheme of an address to SQLAlchemy's name of the driver, and to its module."""
GRPC = "grpc"
GRPC_PORT = 13_000
"""Optuna's own default."""
_SECRETS = ("password", "passwd", "pwd", "sslpassword")
_SHOWN = "postgresql://user@host/database, mysql://user@host/database or grpc://host:port"


def is_address(storage: str) -> bool:
    """Whether a storage is named by an address rather than by a kind."""
    return "://" in storage


def check_address(text: str) -> None:
    """Raises NasError, which never tells a password, for what is no address, or holds one."""
    url = _parsed(text)
    if url.password is not None or any(key.lower() in _SECRETS for key in url.query):
        raise NasError(
            "the address holds a password, which process lists, logs and run folders would show: "
            "leave it out, and give it in PGPASSWORD, ~/.pgpass or MYSQL_PWD, or its file by "
            "--storage-password-file (change this one: the shell's history has it)",
            key="--storage",
        )
    if url.drivername == GRPC:
        if not url.host or url.database or url.username:
            raise NasError("a proxy's address is grpc://host:port", key="--storage")
    elif url.drivername not in DRIVERS:
        known = did_you_mean(url.drivername, [*DRIVERS, GRPC])
        raise NasError(f"no storage of the kind {url.drivername!r}{known}", key="--storage")
    elif not url.database:
        raise NasError(f"names no database: {_SHOWN}", key="--storage")


def _parsed(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):  # the error would tell the text
        raise NasError(f"is no address of a storage: {_SHOWN}", key="--storage") from None


def connect(text: str) -> BaseStorage:
    """The storage at an address; outages are waited for from then on.

    Raises NasError where it can't be reached, or lacks its driver.
    """
    check_address(text)
    url = _parsed(text)
    if url.drivername == GRPC:
        return _proxy(url)
    driver, module = DRIVERS[url.drivername]
    text = url.set(drivername=driver).render_as_string(hide_password=False)  # it has none
    try:
        database = _told(text, lambda: PatientDatabase(text, engine_kwargs=_engine_options(url)))
    except ImportError as error:
        raise NasError(
            f"{module} is not installed: pip install 'compact-nas[storage]'", key="--storage"
        ) from error
    return get_storage(database)


def _engine_options(url: URL) -> dict[str, Any]:
    """Connections are tested before use: a server may have been restarted since."""
    options: dict[str, Any] = {"pool_pre_ping": True}
    arguments: dict[str, Any] = {"timeout": 60} if url.drivername == "sqlite" else {}
    if url.drivername in ("mysql", "mariadb"):
        arguments["connect_timeout"] = 10
    if url.drivername == "postgresql":
        arguments["connect_timeout"] = 10
    if (password := _password(url)) is not None:
        arguments["password"] = password
    return options | {"connect_args": arguments}


def _password(url: URL) -> str | None:
    """From the file that the environment names, or MYSQL_PWD; libpq finds its own."""
    if url.drivername == "sqlite":
        return None
    if path := os.environ.get(PASSWORD_FILE):
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            problem = f"can't be read: {getattr(error, 'strerror', None) or error}"
            raise NasError(problem, file=path, key="--storage-password-file") from None
        if not lines or not lines[0]:
            raise NasError("its first line is empty", file=path, key="--storage-password-file")
        return lines[0]
    return None if url.drivername == "postgresql" else os.environ.get("MYSQL_PWD")


def _told(text: str, make: Callable[[], BaseStorage]) -> BaseStorage:
    """What `make` connects to. Raises NasError for what the server says."""
    try:
        return make()
    except ImportError:
        raise
    except (SQLAlchemyError, RuntimeError, OSError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
        said = str(getattr(cause, "orig", None) or cause).strip().splitlines() or [repr(cause)]
        raise NasError(f"can't be used: {said[0]}", file=text, key="--storage") from error


def _proxy(url: URL) -> BaseStorage:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = PatientProxy(host=url.host or "", port=url.port or GRPC_PORT)
    try:
        proxy.wait_server_ready(timeout=10)
    except (ConnectionError, TimeoutError) as error:
        raise NasError("no proxy answers there", file=str(url), key="--storage") from error
    return proxy
