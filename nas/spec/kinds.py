"""Settings of several kinds under one key of a file; the tasks say which model reads which kind."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

UNKNOWN_KIND = "unknown_kind"
"""Type of the error for a `kind` that no task has."""

_REGISTRY = "nas.tasks.registry"
"""Module of the tasks; tasks are a higher layer, so it is imported when a file is read."""


class Kinds:
    """Annotation of a field whose model is told by the `kind` that is written in it.

    The kinds are those of all registered tasks; what names none is of the first task's first kind.
    """

    def __init__(self, attribute: str, base: type[BaseModel]) -> None:
        """`attribute` of a task holds its models, all of them subclasses of `base`."""
        self._attribute = attribute
        self._base = base

    def names(self) -> list[str]:
        """Every kind that may be written."""
        kinds = [kind for model in self._models() for kind in kinds_of(model)]
        return list(dict.fromkeys(kinds))

    def model_of(self, data: Any) -> type[BaseModel] | None:
        """The model of this mapping; None for an unknown kind."""
        models = self._models()
        if not isinstance(data, dict) or "kind" not in data:
            return next(models)
        return next((model for model in models if str(data["kind"]) in kinds_of(model)), None)

    def validate(self, data: Any) -> Any:
        """The typed object of a mapping, or the object that it is. Raises ValidationError."""
        if isinstance(data, self._base):
            return data
        model = self.model_of(data)
        if model is None:
            allowed = ", ".join(self.names())
            problem = PydanticCustomError(
                UNKNOWN_KIND, "should be one of {allowed}", {"allowed": allowed}
            )
            details = InitErrorDetails(type=problem, loc=("kind",), input=data["kind"])
            raise ValidationError.from_exception_data(self._base.__name__, [details])
        return model.model_validate(data)

    def _models(self) -> Iterator[type[BaseModel]]:
        for task in import_module(_REGISTRY).TASKS.values():
            yield from getattr(task, self._attribute)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Written by the type that an object has, as every plainly validated value is.
        return core_schema.no_info_plain_validator_function(self.validate)


def kinds_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The values of `kind` that a model reads."""
    return get_args(model.model_fields["kind"].annotation)
