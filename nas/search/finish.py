"""A request to end a search now: a file in its folder, which its workers look for."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from nas.errors import NasError
from nas.files import atomic_write_text
from nas.search.settings import SearchSettings
from nas.spec.validate import Frozen

FINISH_FILE = "finish.json"


class FinishRequest(Frozen):
    """No network is drawn any more; what is in training ends, and finalists are trained."""

    finalists: Annotated[int, Field(strict=True, ge=0)] | None = None
    """How many, in place of what the settings say; 0 is none."""

    def applied_to(self, settings: SearchSettings) -> SearchSettings:
        """The settings with that number of finalists."""
        if self.finalists is None:
            return settings
        search = settings.search.model_copy(update={"finalists": self.finalists})
        return settings.model_copy(update={"search": search})


def ask_to_finish(folder: Path, request: FinishRequest) -> None:
    """Leave the request for the process that searches in the folder."""
    atomic_write_text(folder / FINISH_FILE, json.dumps(request.model_dump()) + "\n")


def finish_request(folder: Path) -> FinishRequest | None:
    """What was asked; None where nothing was. Raises NasError for a file that says no request."""
    path = folder / FINISH_FILE
    try:
        return FinishRequest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise NasError("is no request to finish; remove it", file=path) from error


def forget_finish(folder: Path) -> None:
    """Take back what was asked before: the search goes on, or has ended."""
    (folder / FINISH_FILE).unlink(missing_ok=True)
