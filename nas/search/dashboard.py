"""The trials of a search in optuna-dashboard, in a browser, while the search runs or afterwards."""

from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import JournalStorage

from nas.errors import NasError
from nas.search.journal import KilledWritersFile
from nas.train.exported import import_extra


class _Quiet(WSGIRequestHandler):
    """One that does not print each request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def dashboard_server(folder: Path, port: int) -> WSGIServer:
    """A server of this machine alone that shows the study of a search's folder; 0 is any free port.

    It reads the journal through the same locks as the search's workers. Raises NasError for a
    folder without a search, a port that is taken, and without the package.
    """
    journal = folder / "study.log"
    if not journal.is_file():
        problem = (
            f"holds no search: {journal.name} is missing; give a folder that `nas search` wrote"
        )
        raise NasError(problem, file=folder)
    library = import_extra("optuna_dashboard", "dashboard")
    app = library.wsgi(JournalStorage(KilledWritersFile(journal)))
    try:
        return make_server("localhost", port, app, handler_class=_Quiet)
    except OSError as error:
        problem = f"{port} can't be listened on: {error.strerror}; 0 takes a free one"
        raise NasError(problem, key="--port") from error
