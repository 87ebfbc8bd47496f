"""Check the plain values of a document against a type."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nas.errors import NasError, did_you_mean
from nas.spec.document import Document, KeyPath, show

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], document: Document) -> Model:
    """The typed object that the whole document writes. Raises as `validate_at`."""
    return validate_at(model, document, (), document.data)


def validate_at(model: type[Model], document: Document, key: KeyPath, data: Any) -> Model:
    """The typed object of `data`, which stands at `key`.

    Raises NasError with file, line, key, the value given, what is allowed and the nearest name.
    """
    if not isinstance(data, dict):
        raise document.error(key, f"needs a mapping of keys to values, not {show(data)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise explain(error, model, document, key) from error


def explain(
    error: ValidationError, model: type[BaseModel], document: Document, key: KeyPath
) -> NasError:
    """The first problem of a ValidationError as a NasError at its place in the file."""
    first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    place = _written(document, (*key, *first["loc"]))
    if first["type"] == "extra_forbidden":
        name = str(first["loc"][-1])
        near = did_you_mean(name, _fields_at(model, first["loc"][:-1]))
        return document.error(place, f"no key {show(name)} here{near}")
    if first["type"] == "missing":
        return document.error((*key, *first["loc"]), "this key is missing")
    return document.error(place, _refusal(first))


def _refusal(problem: ErrorDetails) -> str:
    """The value given, what is allowed, and for a closed choice the nearest name."""
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = f"{show(problem['input'])} is not allowed: {message}"
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        expected = str(problem.get("ctx", {}).get("expected", ""))
        names = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        text += did_you_mean(problem["input"], names)
    return text


def _written(document: Document, key: KeyPath) -> KeyPath:
    """The longest beginning of `key` that stands in the file: pydantic adds names of unions."""
    written: KeyPath = ()
    for part in key:
        if (*written, part) in document.lines:
            written = (*written, part)
    return written


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that `place` leads to, none where it is no model."""
    current: Any = model
    for part in place:
        fields = getattr(current, "model_fields", {})
        if not isinstance(part, str) or part not in fields:
            return []
        annotation = fields[part].annotation
        arguments = [annotation, *getattr(annotation, "__args__", ())]
        models = [
            item for item in arguments if isinstance(item, type) and issubclass(item, BaseModel)
        ]
        if not models:
            return []
        current = models[0]
    return list(current.model_fields)
