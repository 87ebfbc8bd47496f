"""From the plain values of a space's file to choices, layers with choices in them, and a neck."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from blocks import BLOCKS, NECKS, BlockRegistry
from nas.errors import NasError, did_you_mean
from nas.spec.definition import DETECTION_HEAD, Head, default_neck
from nas.spec.domain import DECIMALS, Choice, Drawn, Range, Widths
from nas.spec.layers import CLASSES, MAX_REPEAT, LayerSpec, block_class, parse_layer, parse_name
from nas.spec.load import Document, KeyPath, show
from nas.spec.template import Branch, LayerTemplate, Setting
from nas.spec.validate import explain

MAX_CHOICES = 4_000
MAX_TIMES = 1_000
SYMBOLS = ("prev", "reported")
RANGE_KEYS = ("low", "high", "step", "times")


def parse_domain(
    document: Document, key: KeyPath, data: Any, *, symbols: bool = True
) -> Choice | Range:
    """The domain written at `key`. Without `symbols`, `prev` and `reported` are refused."""
    if isinstance(data, dict):
        found = _parse_range(document, key, data)
        if found.relative and not symbols:
            raise document.error(key, "prev and reported have no meaning here: write numbers")
        return found
    options = data if isinstance(data, list) else [data]
    if not options or len(options) > MAX_CHOICES:
        raise document.error(key, f"{len(options)} choices; allowed are 1 to {MAX_CHOICES}")
    for index, option in enumerate(options):
        place = (*key, index) if isinstance(data, list) else key
        if isinstance(option, dict | list):
            problem = f"a choice is among plain values, not {show(option)}"
            raise document.error(place, problem)
        if isinstance(option, str) and option in SYMBOLS and not symbols:
            raise document.error(place, f"{option} has no meaning here: write a number")
    _check_distinct(document, key, options)
    return Choice(tuple(options))


def _check_distinct(document: Document, key: KeyPath, options: list[Any]) -> None:
    """Raises NasError for a value that stands twice; as Optuna does, `1` and `true` are one."""
    seen: set[Any] = set()
    for index, option in enumerate(options):
        if option in seen:
            raise document.error((*key, index), f"{show(option)} stands here twice")
        seen.add(option)


def _parse_range(document: Document, key: KeyPath, data: dict[str, Any]) -> Range:
    for name in data:
        if name not in RANGE_KEYS:
            near = did_you_mean(name, RANGE_KEYS)
            raise document.error((*key, name), f"no key {show(name)} in a range{near}")
    for name in ("low", "high"):
        if name not in data:
            raise document.error((*key, name), "this key is missing: a range needs low and high")
        _check_end(document, (*key, name), data[name])
    step, times = data.get("step", 1), data.get("times", 1)
    if not _is_number(step) or not 0 < step < 1e9:
        raise document.error((*key, "step"), f"{show(step)} is not allowed: a number above 0")
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAX_TIMES:
        problem = f"{show(times)} is not allowed: a whole number from 1 to {MAX_TIMES}"
        raise document.error((*key, "times"), problem)
    found = Range(data["low"], data["high"], step, times)
    _check_decimals(document, key, found)
    if not found.relative:
        _check_length(document, key, found)
    return found


def _check_end(document: Document, key: KeyPath, value: Any) -> None:
    finite = _is_number(value) and abs(value) < 1e9
    if not finite and value not in SYMBOLS:
        near = did_you_mean(value, SYMBOLS) if isinstance(value, str) else ""
        raise document.error(key, f"{show(value)} is not allowed: a number, prev or reported{near}")


def _check_decimals(document: Document, key: KeyPath, found: Range) -> None:
    """Raises NasError for numbers whose sums of steps rounding would change."""
    for name, value in (("low", found.low), ("high", found.high), ("step", found.step)):
        if isinstance(value, float) and found.relative:
            problem = f"{show(value)} is not allowed: a whole number, beside prev or reported"
            raise document.error((*key, name), problem)
        if isinstance(value, float) and round(value, DECIMALS) != value:
            raise document.error((*key, name), f"{value!r} has more than {DECIMALS} decimals")


def _check_length(document: Document, key: KeyPath, found: Range) -> None:
    low, high = float(found.low), float(found.high)
    if low > high:
        raise document.error(key, f"low {show(found.low)} is above high {show(found.high)}")
    if (high - low) / found.step >= MAX_CHOICES:
        raise document.error(key, f"more than {MAX_CHOICES} steps from {found.low} to {found.high}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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


KEY = ("neck",)


def parse_neck(document: Document, head: Head, data: Any) -> LayerSpec | None:
    """The neck of an architecture file; the default where a detector's file has none.

    Raises NasError for a neck that another head has no use for.
    """
    _check(document, head, data)
    if data is None:
        return default_neck() if head == DETECTION_HEAD else None
    return parse_layer(document, KEY, data, classes=0, registry=NECKS)


def parse_neck_template(document: Document, head: Head, data: Any) -> LayerTemplate | None:
    """The neck of a search space, with its choices; see `parse_neck`."""
    _check(document, head, data)
    if head != DETECTION_HEAD:
        return None
    template = parse_template(document, KEY, data or _written_default(), 0, necks=True)
    if 0 in template.repeats:
        raise document.error((*KEY, "repeat"), "0 is not allowed: a detector has a neck")
    return template


def _written_default() -> dict[str, Any]:
    neck = default_neck().config
    return {"block": neck.name, **neck.model_dump(mode="json")}


def _check(document: Document, head: Head, data: Any) -> None:
    if data is None:
        return
    if head != DETECTION_HEAD:
        raise document.error(KEY, f"only head: {DETECTION_HEAD} has a neck, not head: {head}")
    if not isinstance(data, dict):
        problem = f"a neck is a mapping such as {{block: BiFPN, out: 64}}, not {show(data)}"
        raise document.error(KEY, problem)
    if "name" in data:
        raise document.error((*KEY, "name"), "a neck has no other name: leave it out")
