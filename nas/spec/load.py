"""Read a YAML file into plain values that remember their lines, and check them against a type."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from nas.errors import NasError, did_you_mean

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 4_000_000
MAX_DEPTH = 40
MAX_NODES = 200_000

_BASE_RESOLVER = yaml.resolver.Resolver()
_BOOLEANS = {"true": True, "false": False}
_SURPRISES = {"yes", "no", "on", "off"}


@dataclass(frozen=True)
class Document:
    """Plain values of one YAML file, and the line on which each begins."""

    path: Path
    data: Any
    lines: dict[KeyPath, int]
    text: str

    def error(self, key: KeyPath, problem: str) -> NasError:
        """The error at `key`, with the line of its nearest written ancestor."""
        written = key
        while written and written not in self.lines:
            written = written[:-1]
        return NasError(problem, file=self.path, line=self.lines.get(written), key=format_key(key))


def format_key(key: KeyPath) -> str | None:
    """`('layers', 3, 'block')` as `layers[3].block`; None for the whole file."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or None


def read_document(path: Path) -> Document:
    """The values of a YAML file. Raises NasError for whatever is not plain YAML of sane size.

    Numbers such as `1e-3` become floats, which YAML 1.1 reads as strings; `yes`, `no`, `on` and `off`,
    which it reads as booleans, are refused, and so are repeated keys.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NasError(f"can't read the file: {error.strerror}", file=path) from error
    if len(raw) > MAX_BYTES:
        raise NasError(f"{len(raw)} bytes are too many; at most {MAX_BYTES} are read", file=path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NasError(
            f"not UTF-8 text: {error.reason} at byte {error.start}", file=path
        ) from error
    return parse_document(text, path)


def parse_document(text: str, path: Path) -> Document:
    """As `read_document`, of a text that stands for the file `path`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise NasError(
            f"not YAML: {error.problem or error.context}", file=path, line=line
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise NasError(f"not YAML: {error}", file=path) from error
    except RecursionError:
        raise NasError(f"nested deeper than {MAX_DEPTH} levels", file=path) from None
    if node is None:
        raise NasError("the file is empty", file=path)
    reader = _Reader(path)
    data = reader.value(node, ())
    return Document(path, data, reader.lines, text)


class _Reader:
    """Turns nodes into values and notes their lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}

    def value(self, node: Node, key: KeyPath) -> Any:
        self.lines.setdefault(key, node.start_mark.line + 1)
        if len(self.lines) > MAX_NODES:
            raise self.error(node, key, f"more than {MAX_NODES} values in one file")
        if len(key) > MAX_DEPTH:
            raise self.error(node, (), f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, MappingNode):
            return self.mapping(node, key)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*key, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node, key)

    def mapping(self, node: MappingNode, key: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self.error(key_node, key, "a key must be a word, not a list or a mapping")
            name = str(key_node.value)
            if name in values:
                raise self.error(key_node, (*key, name), "this key stands here twice")
            self.lines[(*key, name)] = key_node.start_mark.line + 1
            values[name] = self.value(value_node, (*key, name))
        return values

    def scalar(self, node: ScalarNode, key: KeyPath) -> Any:
        text = str(node.value)
        if node.style in ("'", '"', "|", ">"):
            return text
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            if text.lower() in _SURPRISES:
                raise self.error(
                    node,
                    key,
                    f"{text!r} means a boolean in YAML: write true or false, or put it in quotes",
                )
            return _BOOLEANS[text.lower()]
        if kind in ("int", "float", "str"):
            return _number(text)
        if kind == "timestamp":
            return text
        raise self.error(node, key, f"the tag {node.tag!r} is not read here")

    def error(self, node: Node, key: KeyPath, problem: str) -> NasError:
        return NasError(problem, file=self.path, line=node.start_mark.line + 1, key=format_key(key))


def _number(text: str) -> int | float | str:
    """The decimal number that a plain scalar writes, else the text itself.

    YAML 1.1's octal `010`, sexagesimal `1:30` and `1_000` are read as a person reads them: 10, text, 1000.
    """
    if not text or text[0] not in "+-.0123456789" or len(text) > 300:
        return text
    special = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(special.get(text.lower(), text))
    except ValueError:
        return text


def validate(model: type[Model], document: Document, key: KeyPath = (), data: Any = None) -> Model:
    """The typed object of `data`, which stands at `key` (default: the whole document).

    Raises NasError with file, line, key, the value given, what is allowed and the nearest name.
    """
    if data is None:
        data = document.data
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
        return document.error(
            place, f"no key {name!r} here{did_you_mean(name, _fields_at(model, first['loc'][:-1]))}"
        )
    if first["type"] == "missing":
        return document.error((*key, *first["loc"]), "this key is missing")
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = f"{show(first['input'])} is not allowed: {message}"
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        expected = str(first.get("ctx", {}).get("expected", ""))
        names = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        text += did_you_mean(first["input"], names) if names else ""
    return document.error(place, text)


def _written(document: Document, key: KeyPath) -> KeyPath:
    """The longest beginning of `key` that stands in the file: pydantic adds names of union members."""
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


def show(value: Any, limit: int = 60) -> str:
    """A value as an error message shows it: YAML's words, cut to `limit` characters."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    else:
        text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def flow(value: Any) -> str:
    """`value` as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
