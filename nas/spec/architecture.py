"""Architecture files in the named form, from which a network can be rebuilt."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from nas.errors import NasError
from nas.spec.definition import MAX_CLASSES, ArchitectureSpec, BeginSpec, Head, InputSpec
from nas.spec.layers import LayerSpec, check_layers, parse_layer
from nas.spec.load import Document, find_architecture, parse_document, read_document, show
from nas.spec.parse import parse_neck
from nas.spec.preprocess import AnyPreprocess, Preprocess
from nas.spec.provenance import Provenance
from nas.spec.rows import architecture_from_rows
from nas.spec.validate import Frozen, Name, name_of, validate
from nas.spec.yaml_text import block, flow
from nas.text_table import plain_name

__all__ = [
    "ArchitectureSpec",
    "InputSpec",
    "architecture_from",
    "dump_architecture",
    "load_architecture",
    "parse_architecture",
]

MAX_LAYERS = 1_000
Whole = Annotated[int, Field(strict=True)]
ClassNames = Whole | list[str | Whole | Annotated[float, Field(strict=True)]]


class ArchitectureFile(Frozen):
    """The keys of an architecture file; the layers are read one by one."""

    name: Name = ""
    task: str = "image"
    input: InputSpec
    layers: list[Any] = []  # noqa: RUF012  # pydantic copies defaults
    model: str | None = None
    head: Head = "linear"
    neck: Any = None
    begin: BeginSpec | None = None
    classes: ClassNames = 10
    preprocess: AnyPreprocess | None = None
    provenance: Provenance = Provenance()


def load_architecture(
    path: str | Path, *, input_size: tuple[int, int] | None = None
) -> ArchitectureSpec:
    """The architecture in a YAML file, named form or rows.

    Args:
        path: The file, or the name of an installed reference network.
        input_size: `(height, width)` in pixels, instead of the file's own.

    Raises NasError with file, line and key for whatever is wrong in it.
    """
    return architecture_from(read_document(find_architecture(path)), input_size=input_size)


def parse_architecture(text: str, path: str | Path = "architecture.yaml") -> ArchitectureSpec:
    """As `load_architecture`, of a text."""
    return architecture_from(parse_document(text, Path(path)))


def architecture_from(
    document: Document, *, input_size: tuple[int, int] | None = None
) -> ArchitectureSpec:
    """The architecture of a document that was read."""
    if isinstance(document.data, dict) and "backbone" in document.data:
        architecture = architecture_from_rows(document, input_size)
    else:
        architecture = _from_named(document, input_size)
    return _checked(document, architecture)


def _from_named(document: Document, input_size: tuple[int, int] | None) -> ArchitectureSpec:
    header = validate(ArchitectureFile, document)
    if bool(header.layers) == (header.model is not None):
        raise document.error(("layers",), "give either layers or a model, one of them")
    if len(header.layers) > MAX_LAYERS:
        raise document.error(
            ("layers",), f"{len(header.layers)} are too many; at most {MAX_LAYERS}"
        )
    classes = class_names(document, header.classes)
    layers = tuple(
        parse_layer(document, ("layers", index), data, len(classes))
        for index, data in enumerate(header.layers)
    )
    size = header.input
    if input_size is not None:
        size = size.model_copy(update={"height": input_size[0], "width": input_size[1]})
    return ArchitectureSpec(
        name=name_of(document, header.name),
        input=size,
        layers=layers,
        classes=classes,
        head=header.head,
        neck=parse_neck(document, header.head, header.neck),
        task=header.task,
        begin=header.begin,
        model=header.model,
        preprocess=header.preprocess,
        provenance=header.provenance,
    )


def class_names(document: Document, classes: ClassNames) -> tuple[str, ...]:
    """Names of the classes; a count n stands for "0" to "n-1"."""
    if isinstance(classes, int):
        if not 1 <= classes <= MAX_CLASSES:
            problem = f"{show(classes)} is not allowed: 1 to {MAX_CLASSES}"
            raise document.error(("classes",), problem)
        return tuple(str(index) for index in range(classes))
    names = tuple(plain_name(str(name)) for name in classes)
    if not names or len(names) > MAX_CLASSES:
        raise document.error(("classes",), f"{len(names)} classes; allowed are 1 to {MAX_CLASSES}")
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise document.error(("classes", index), f"class {show(name)} stands here twice")
        seen.add(name)
    return names


def _checked(document: Document, architecture: ArchitectureSpec) -> ArchitectureSpec:
    """`architecture`, after a check of all shapes from the input to the logits."""
    check_layers(document, _form(document), architecture.layers)
    try:
        architecture.check_outputs()
    except NasError as error:
        key = _layer_key(document, error.key)
        raise document.error(key, error.problem) from error
    return architecture


def _form(document: Document) -> str:
    return "backbone" if "backbone" in document.data else "layers"


def _layer_key(document: Document, key: str | None) -> tuple[str | int, ...]:
    """The place in the file of a `layers[3]` that the walk complains of."""
    if key is None or not key.startswith("layers["):
        return () if key is None else (key,)
    return (_form(document), int(key.removeprefix("layers[").removesuffix("]")))


def dump_architecture(architecture: ArchitectureSpec) -> str:
    """The named form as YAML text, defaults written out; reading it gives an equal object."""
    lines = [_pair("name", architecture.name), _pair("task", architecture.task)]
    lines.append(_pair("input", architecture.input.model_dump()))
    if architecture.model is not None:
        lines.append(_pair("model", architecture.model))
    else:
        lines.append("layers:")
        lines += [f"  - {flow(_layer_data(layer))}" for layer in architecture.layers]
    lines.append(_pair("head", architecture.head))
    if architecture.neck is not None:
        lines.append(_pair("neck", _layer_data(architecture.neck)))
    if architecture.begin is not None:
        lines.append(_pair("begin", architecture.begin.model_dump()))
    lines.append(_pair("classes", list(architecture.classes)))
    if architecture.preprocess is not None:
        lines.append(_pair("preprocess", _preprocess_data(architecture.preprocess)))
    if said := architecture.provenance.said():
        lines.append(block({"provenance": said}))
    return "\n".join(lines) + "\n"


def _preprocess_data(preprocess: Preprocess) -> dict[str, Any]:
    """Its keys; mean and std only if they are known, as written ones are not measured."""
    data = preprocess.model_dump(mode="json")
    unknown = () if preprocess.says_normalisation else ("mean", "std")
    return {name: value for name, value in data.items() if name not in unknown}


def _layer_data(layer: LayerSpec) -> dict[str, Any]:
    data: dict[str, Any] = {} if layer.name is None else {"name": layer.name}
    data["block"] = layer.config.name
    if layer.repeat != 1:
        data["repeat"] = layer.repeat
    return data | layer.config.model_dump(mode="json")


def _pair(key: str, value: Any) -> str:
    return f"{key}: {flow(value)}"
