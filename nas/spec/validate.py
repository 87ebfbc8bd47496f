"""Validation of the plain values of a document against a pydantic model."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from nas.errors import NasError, did_you_mean
from nas.files import file_name
from nas.spec.kinds import UNKNOWN_KIND, Kinds
from nas.spec.load import Document, KeyPath, format_key, show


class Frozen(BaseModel):
    """Immutable, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )


class Settings(Frozen):
    """What a user of Python makes by hand: NasError for a value that is not allowed.

    Where pydantic makes it of a document's values, its ValidationError remains.
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            place, problem = _first_problem(error, type(self), values)
            raise NasError(problem, key=format_key((type(self).__name__, *place))) from error

    # As BaseModel's own has it: else pydantic would call it for a document's values too.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


def _checked_name(text: str) -> str:
    if text and text != (near := file_name(text)):
        raise ValueError(
            "the name of a folder has no slashes, control characters, dots or blanks around, and "
            f"at most 200 bytes; {near!r} is one"
        )
    return text


Name = Annotated[str, AfterValidator(_checked_name)]
"""A name that folders get; empty is none."""


def name_of(document: Document, given: str) -> str:
    """The name `given` in the document, else its file's."""
    return given or file_name(document.path.stem)


_MISSING = "this key is missing"

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], document: Document) -> Model:
    """The typed object of the whole document. Raises as `validate_at`."""
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
    place, problem = _first_problem(error, model, _at(document.data, key))
    if problem == _MISSING:
        return document.error((*key, *place), problem)
    return document.error(_written(document, (*key, *place)), problem)


def _first_problem(
    error: ValidationError, model: type[BaseModel], data: Any
) -> tuple[KeyPath, str]:
    """Where in `data`, and what."""
    first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    place = first["loc"]
    if first["type"] == "extra_forbidden":
        name = str(place[-1])
        near = did_you_mean(name, _fields_at(model, data, place[:-1]))
        return place, f"no key {show(name)} here{near}"
    if first["type"] == "missing":
        return place, _MISSING
    if first["type"] == UNKNOWN_KIND:
        return place, _no_kind(first)
    return place, _refusal(first)


def _no_kind(problem: ErrorDetails) -> str:
    """That there is no such kind of settings, and the nearest one."""
    kind, allowed = problem["input"], problem["ctx"]["allowed"]
    near = did_you_mean(kind, allowed.split(", ")) if isinstance(kind, str) else ""
    return f"{show(kind)} is not allowed: {problem['msg']}{near}"


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


def _at(data: Any, key: KeyPath) -> Any:
    """What stands at `key`, None where nothing does."""
    for part in key:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _fields_at(model: type[BaseModel], data: Any, place: KeyPath) -> list[str]:
    """Field names of the model that `place` leads to in `data`, none where it is no model."""
    current: type[BaseModel] | None = model
    for part in place:
        field = None if current is None else current.model_fields.get(str(part))
        if field is None:
            return []
        data = _at(data, (part,))
        current = _model_in((field.annotation, *field.metadata), data)
    return [] if current is None else list(current.model_fields)


def _model_in(annotations: Iterable[Any], data: Any) -> type[BaseModel] | None:
    """The model that a field's annotation holds, of several kinds the one that reads `data`."""
    found: type[BaseModel] | None = None
    for annotation in annotations:
        if isinstance(annotation, Kinds):
            return annotation.model_of(data)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found = annotation
        found = _model_in(get_args(annotation), data) or found
    return found
