"""Read one layer of a search space: its blocks and the domains of their settings."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from blocks import BLOCKS, NECKS, BlockRegistry
from nas.errors import NasError, did_you_mean
from nas.spec.document import Document, KeyPath, show
from nas.spec.domain import Choice, Drawn, Range, Widths
from nas.spec.layers import CLASSES, MAX_REPEAT, block_class, parse_name
from nas.spec.parse_domain import parse_domain
from nas.spec.template import Branch, LayerTemplate, Setting
from nas.spec.validate import explain

MAX_BRANCHES = 100


def parse_template(
    document: Document, key: KeyPath, data: Any, classes: int, *, necks: bool = False
) -> LayerTemplate:
    """The layer of a space written at `key`, `layers[index]` or with `necks` the neck."""
    registry = NECKS if necks else BLOCKS
    if not isinstance(data, dict):
        problem = f"a layer is a mapping such as {{block: Conv, out: 24}}, not {show(data)}"
        raise document.error(key, problem)
    shared = dict(data)
    if "block" not in shared:
        raise document.error((*key, "block"), f"this key is missing{did_you_mean('', registry)}")
    block = shared.pop("block")
    own_name = parse_name(document, (*key, "name"), shared.pop("name", None))
    name = "neck" if necks else own_name or f"layer{key[-1]}"
    repeat = _parse_repeat(document, (*key, "repeat"), shared.pop("repeat", 1))
    layer = _Layer(document, key, name, shared, classes, registry)
    branches = tuple(
        layer.branch(block_name, own)
        for block_name, own in _blocks(document, (*key, "block"), block)
    )
    return LayerTemplate(name, key, branches, repeat)


Own = dict[str, Any]


def _blocks(document: Document, key: KeyPath, block: Any) -> list[tuple[Any, Own | None]]:
    """Each block of the layer with its own settings, None where the file has no key for them."""
    if not isinstance(block, dict):
        names = block if isinstance(block, list) else [block]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise document.error((*key, index), f"{show(name)} stands here twice")
        found: list[tuple[Any, Own | None]] = [(name, None) for name in names]
    else:
        for name, own in block.items():
            if own is not None and not isinstance(own, dict):
                raise document.error((*key, name), f"needs a mapping of settings, not {show(own)}")
        found = [(name, own or {}) for name, own in block.items()]
    if not 1 <= len(found) <= MAX_BRANCHES:
        raise document.error(key, f"{len(found)} blocks; allowed are 1 to {MAX_BRANCHES}")
    return found


@dataclass(frozen=True)
class _Layer:
    """What the branches of one layer share."""

    document: Document
    key: KeyPath
    name: str
    shared: dict[str, Any]
    classes: int
    registry: BlockRegistry

    def branch(self, block_name: Any, own: Own | None) -> Branch:
        """One branch, once its settings have been tried."""
        block_key: KeyPath = (*self.key, "block")
        own_key = block_key if own is None else (*block_key, block_name)
        block = block_class(self.document, own_key, block_name, self.registry)
        own = dict(own or {})
        reports = _parse_reports(self.document, (*own_key, "reports"), own.pop("reports", "out"))
        for field in own:
            if field in self.shared:
                problem = f"{field} stands for the whole layer already"
                raise self.document.error((*own_key, field), problem)
        settings = [self.setting(self.name, self.key, *item) for item in self.shared.items()]
        path = f"{self.name}.{block_name}"
        settings += [self.setting(path, own_key, *item) for item in own.items()]
        branch = Branch(block, tuple(settings), own_key, reports)
        _check_fields(self.document, branch)
        return branch

    def setting(self, path: str, key: KeyPath, field: str, data: Any) -> Setting:
        """The setting of `field`, which stands under `key`."""
        value = self.classes if field == "out" and data == CLASSES else data
        where = (*key, field)
        symbols = self.registry is BLOCKS  # a neck has several widths before it
        domain = parse_domain(self.document, where, value, symbols=symbols)
        return Setting(field, f"{path}.{field}", where, domain)


def _parse_reports(document: Document, key: KeyPath, reports: Any) -> bool:
    if reports not in ("out", "same"):
        raise document.error(key, f"{show(reports)} is not allowed: out or same")
    return bool(reports == "same")


def _check_fields(document: Document, branch: Branch) -> None:
    """Raises NasError for a key that the block lacks or needs, and for a value that it refuses."""
    fields = branch.block.model_fields
    given = {setting.field for setting in branch.settings}
    for setting in branch.settings:
        if setting.field not in fields:
            near = did_you_mean(setting.field, fields)
            raise document.error(setting.key, f"no key {show(setting.field)} here{near}")
    for field, info in fields.items():
        if info.is_required() and field not in given:
            problem = f"this key is missing for {branch.block.name}"
            raise document.error((*branch.key, field), problem)
    widths = Widths(8, 8)
    first = {
        item.field: next(iter(item.domain.values(widths)), Drawn(8, 8)) for item in branch.settings
    }
    for setting in branch.settings:
        for drawn in setting.domain.values(widths):
            try:
                branch.config(first | {setting.field: drawn})
            except ValidationError as error:
                raise _refused(error, branch, document, setting, drawn) from error


def _refused(
    error: ValidationError, branch: Branch, document: Document, setting: Setting, drawn: Drawn
) -> NasError:
    explained = explain(error, branch.block, document, ())
    if explained.key == setting.field or error.errors()[0]["loc"] == (setting.field,):
        return document.error(setting.key, explained.problem)
    return document.error(branch.key, f"{setting.field} {show(drawn.value)}: {explained.problem}")


def _parse_repeat(document: Document, key: KeyPath, data: Any) -> Choice | Range:
    domain = parse_domain(document, key, data, symbols=False)
    if isinstance(domain, Range) and domain.times != 1:
        raise document.error((*key, "times"), "a repeat has no times")
    for drawn in domain.values(Widths(1, 1)):
        value = drawn.value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_REPEAT:
            problem = f"{show(value)} is not allowed: a whole number from 0 to {MAX_REPEAT}"
            raise document.error(key, problem)
    return domain
