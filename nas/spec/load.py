"""YAML files as plain values with the lines on which they stand."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from nas.errors import NasError, did_you_mean
from nas.spec.old_names import both_given, current_name, note_old_name
from nas.spec.yaml_text import is_surprise, plain_value

KeyPath = tuple[str | int, ...]


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
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_word(part)}" if text else _word(part)
    return text or None


def _word(part: str) -> str:
    return part if part.isprintable() and 0 < len(part) <= 60 else show(part)


def show(value: Any, limit: int = 60) -> str:
    """A value as an error message shows it: YAML's words, cut to `limit` characters."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    else:
        text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


MAX_BYTES = 8_000_000
"""Room for as many classes as there can be, each with a name as long as a folder's can be."""
MAX_DEPTH = 40
MAX_NODES = 50_000


def read_document(path: Path, *, stands_for: str = "") -> Document:
    """The values of a YAML file. Raises NasError for whatever is not plain YAML of sane size.

    `yes`, `no`, `on` and `off`, which YAML 1.1 reads as booleans, are refused, and so are repeated
    keys, tags and merge keys. `nas.spec.yaml_text` tells how numbers are read. Keys of earlier
    versions get today's names (see `nas.spec.old_names`); `stands_for` is the key that the whole
    file could be the value of, such as `training`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NasError(f"can't read the file: {error.strerror}", file=path) from error
    except ValueError as error:  # a NUL in the path
        raise NasError(f"can't read the file: {error}", file=repr(str(path))) from error
    if len(raw) > MAX_BYTES:
        raise NasError(f"more than {MAX_BYTES} bytes, the most that is read", file=path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 text: {error.reason} at byte {error.start}"
        raise NasError(problem, file=path) from error
    return parse_document(text, path, stands_for=stands_for)


def parse_document(text: str, path: Path, *, stands_for: str = "") -> Document:
    """As `read_document`, of a text that stands for the file `path`."""
    try:
        node = _Composer(text, path).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise NasError(f"not YAML: {_problem(error)}", file=path, line=line) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"not YAML: character {show(text[error.position])} is not allowed"
        raise NasError(problem, file=path, line=line) from error
    except ValueError as error:  # a line number beyond what Python's chr takes in an escape
        raise NasError(f"not YAML: {error}", file=path) from error
    if node is None:
        raise NasError("the file is empty", file=path)
    reader = _Reader(path, stands_for)
    data = reader.value(node, ())
    return Document(path, data, reader.lines, text)


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "unknown"
    if "'\\t'" in problem:
        return "a tab stands where only spaces may"
    return problem.removeprefix("but ")


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, which stops before a small file becomes a large tree."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.path = path
        self.depth = 0
        self.nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._check(yaml.SafeLoader.peek_event(self))
        self.depth += 1
        node: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _check(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        self.nodes += 1
        problem = None
        if self.nodes > MAX_NODES:
            problem = f"more than {MAX_NODES} values in one file"
        elif self.depth > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
        elif tag is not None:
            problem = f"the tag {show(tag)} is not read here"
        if problem is not None:
            mark = event.start_mark
            raise NasError(problem, file=self.path, line=None if mark is None else mark.line + 1)


class _Reader:
    """Turns nodes into values and notes their lines."""

    def __init__(self, path: Path, stands_for: str) -> None:
        self.path = path
        self.stands_for = stands_for
        self.lines: dict[KeyPath, int] = {}

    def value(self, node: Node, key: KeyPath) -> Any:
        self.lines.setdefault(key, node.start_mark.line + 1)
        if len(self.lines) > MAX_NODES:  # aliases count each time that they are used
            raise self.error(node, (), f"more than {MAX_NODES} values in one file")
        if len(key) > MAX_DEPTH:  # as an alias of what it stands in is
            raise self.error(node, (), f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, MappingNode):
            return self.mapping(node, key)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*key, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node, key)

    def mapping(self, node: MappingNode, key: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self.error(key_node, key, "a key must be a word, not a list or a mapping")
            written = str(key_node.value)
            name = self.current_name(key_node, key)
            if name in values:
                raise self.error(key_node, (*key, written), _twice(spelled[name], written, name))
            spelled[name] = written
            if name == "<<" and key_node.style is None:
                problem = "merge keys (<<) are not read: write the keys out"
                raise self.error(key_node, key, problem)
            self.lines[(*key, name)] = key_node.start_mark.line + 1
            values[name] = self.value(value_node, (*key, name))
        return values

    def current_name(self, node: ScalarNode, key: KeyPath) -> str:
        """Today's name of the key at `node`, in the mapping at `key`."""
        written = str(node.value)
        name = current_name(str(key[-1]) if key else self.stands_for, written)
        if name != written:
            note_old_name(written, name, f"{self.path}:{node.start_mark.line + 1}")
        return name

    def scalar(self, node: ScalarNode, key: KeyPath) -> Any:
        word = str(node.value)
        if node.style is not None:
            return word
        if is_surprise(word):
            problem = f"{word!r} means a boolean in YAML: write true or false, or put it in quotes"
            raise self.error(node, key, problem)
        return plain_value(word)

    def error(self, node: Node, key: KeyPath, problem: str) -> NasError:
        return NasError(problem, file=self.path, line=node.start_mark.line + 1, key=format_key(key))


def _twice(before: str, written: str, name: str) -> str:
    """The problem of a key that was spelled `before` and is `written` again; its name is `name`."""
    if before == written:
        return "this key stands here twice"
    return both_given(before if written == name else written, name)


def installed_spaces() -> tuple[str, ...]:
    """File names of the installed search spaces."""
    folder = Path(str(files("search_spaces")))
    return tuple(sorted(path.name for path in folder.glob("*.yaml")))


def find_architecture(path: str | Path) -> Path:
    """`path`, or the installed reference network of that name where no such file is here.

    `reference/NAME.yaml` names it too.
    """
    path = Path(path)
    named = path.name == str(path) or path.parent == Path("reference")
    if not named or _is_here(path):
        return path
    references = Path(str(files("search_spaces"))) / "reference"
    for name in (path.name, f"{path.name}.yaml"):
        if (references / name).is_file():
            return references / name
    return path


def _is_here(path: Path) -> bool:
    """Whether there is such a file, or a name that can't be one: reading it tells what is wrong."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True


def find_space(path: str | Path) -> Path:
    """`path` if it exists, else the installed space of that name. Raises NasError for neither."""
    path = Path(path)
    if _is_here(path):
        return path
    installed = Path(str(files("search_spaces")))
    for name in (path, path.with_name(f"{path.name}.yaml")):
        if not path.is_absolute() and (installed / name).is_file():
            return installed / name
    near = did_you_mean(path.name, installed_spaces())
    raise NasError(
        f"no such file, here or among the installed spaces{near}",
        file=path,
    )
