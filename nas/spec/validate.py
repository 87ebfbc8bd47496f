"""Check the plain values of a document against a type."""

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Tag, ValidationError
from pydantic_core import ErrorDetails

from nas.errors import NasError, did_you_mean
from nas.spec.load import Document, KeyPath, show


class Frozen(BaseModel):
    """Immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


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
    kinds = _kinds_at(model, first["loc"])
    if first["type"] == "union_tag_invalid":
        return document.error((*place, "kind"), _no_kind(first["input"].get("kind"), kinds))
    if first["type"] == "literal_error" and len(kinds) > 1:
        return document.error(place, _no_kind(first["input"], kinds))
    return document.error(place, _refusal(first))


def _no_kind(kind: Any, kinds: list[str]) -> str:
    """That there is no such kind of settings, and the nearest one."""
    near = did_you_mean(kind, kinds) if isinstance(kind, str) else ""
    return f"{show(kind)} is not allowed: should be one of {', '.join(kinds)}{near}"


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
    models = _models_at(model, place)
    return list(models[0][1].model_fields) if models else []


def _kinds_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """All values of `kind` in the union of models that `place`, or the `kind` there, is in."""
    if place and place[-1] == "kind":
        place = place[:-2]  # the union's own tag comes before it
    models = [item for tag, item in _models_at(model, place) if tag is not None]
    kinds: list[Any] = [item.model_fields["kind"].annotation for item in models]
    return [str(kind) for annotation in kinds for kind in get_args(annotation)]


def _models_at(
    model: type[BaseModel], place: tuple[int | str, ...]
) -> list[tuple[str | None, type[BaseModel]]]:
    """The models that may stand at `place`, each with its tag in a union of several."""
    current: list[tuple[str | None, type[BaseModel]]] = [(None, model)]
    for part in place:
        tagged = [item for item in current if item[0] is not None and item[0] == part]
        fields = current[0][1].model_fields if current else {}
        if tagged:
            current = [(None, tagged[0][1])]
        elif isinstance(part, str) and part in fields:
            current = list(_models_of(fields[part].annotation))
        else:
            return []
    return current


def _models_of(annotation: Any, tag: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """The models in an annotation, with the tags that stand beside them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield tag, annotation
    metadata = getattr(annotation, "__metadata__", ())
    tag = next((item.tag for item in metadata if isinstance(item, Tag)), None)
    for argument in get_args(annotation)[: 1 if metadata else None]:
        yield from _models_of(argument, tag)
