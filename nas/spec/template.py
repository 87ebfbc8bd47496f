"""One layer of a search space: the blocks that may stand there, and the domains of their settings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from pydantic import ValidationError

from blocks import BlockConfig, Shape
from nas.spec.domain import Choice, Domain, Drawn, Range, Trial, Widths, parse_domain
from nas.spec.layers import CLASSES, MAX_REPEAT, LayerSpec, block_class, parse_name
from nas.spec.load import Document, KeyPath, explain, show

ONCE = Choice((1,))


@dataclass(frozen=True)
class Setting:
    """One key of a block: where it is written, what it may be."""

    field: str
    path: str
    """Name of its parameter: `m2.Conv.out`, or `m2.out` where all blocks of the layer share it."""
    key: KeyPath
    domain: Choice | Range


@dataclass(frozen=True)
class Branch:
    """One block that may stand in a layer."""

    block: type[BlockConfig]
    settings: tuple[Setting, ...]
    key: KeyPath
    reports_same: bool = False
    """True where the next layer is told the width that came in, not the one that goes out."""

    @cached_property
    def default_out(self) -> bool:
        """True where the block has no `out` of its own, so that its width follows from what comes in."""
        return all(setting.field != "out" for setting in self.settings)

    def config(self, drawn: dict[str, Drawn]) -> BlockConfig:
        """The block with these settings. Raises pydantic's ValidationError."""
        return self.block.model_validate({field: item.value for field, item in drawn.items()})

    def configs(
        self, widths: Widths, fields: frozenset[str] | None = None
    ) -> Iterator[tuple[BlockConfig, int]]:
        """Every config that can be drawn, and the width before `times` (0 for a block without `out`).

        With `fields`, only those are varied; the others keep their first value.
        """
        options = []
        for setting in self.settings:
            values = setting.domain.values(widths)
            options.append(values if fields is None or setting.field in fields else values[:1])
        names = [setting.field for setting in self.settings]
        for values in product(*options):
            drawn = dict(zip(names, values, strict=True))
            base = drawn["out"].base if "out" in drawn else 0
            assert isinstance(base, int)
            yield self.config(drawn), base

    def reported(self, base: int, widths: Widths, out_shape: Shape) -> int:
        """The width that the next layer is told: the number drawn, or what comes in times the growth."""
        if self.reports_same:
            return widths.reported
        return base if base else max(1, widths.reported * out_shape[0] // widths.prev)


@dataclass(frozen=True)
class LayerTemplate:
    """One written layer of a space."""

    name: str
    key: KeyPath
    branches: tuple[Branch, ...]
    repeat: Choice | Range

    def repeats(self) -> tuple[int, ...]:
        """How many copies there may be, in order."""
        return tuple(int(drawn.value or 0) for drawn in self.repeat.values(Widths(1, 1)))

    def sample(self, trial: Trial, widths: Widths) -> tuple[LayerSpec, Branch, int] | None:
        """A layer, the branch it was drawn from, and the width before `times`; None for no copies."""
        repeat = self.repeat.sample(trial, f"{self.name}.repeat", widths).value
        if not repeat:
            return None
        branch = self._sample_branch(trial)
        drawn = {
            item.field: item.domain.sample(trial, item.path, widths) for item in branch.settings
        }
        base = drawn["out"].base if "out" in drawn else 0
        assert isinstance(repeat, int)
        assert isinstance(base, int)
        return LayerSpec(branch.config(drawn), repeat, self.name), branch, base

    def _sample_branch(self, trial: Trial) -> Branch:
        if len(self.branches) == 1:
            return self.branches[0]
        names = [branch.block.name for branch in self.branches]
        return self.branches[names.index(trial.suggest_categorical(f"{self.name}.block", names))]

    def with_positions(self, reachable: set[Widths]) -> "LayerTemplate":
        """The same with every relative range told how long it can get."""
        return replace(
            self,
            branches=tuple(_branch_with_positions(branch, reachable) for branch in self.branches),
        )


def _branch_with_positions(branch: Branch, reachable: set[Widths]) -> Branch:
    settings = []
    for setting in branch.settings:
        domain = setting.domain
        if isinstance(domain, Range) and domain.relative:
            longest = max(len(domain.values(widths)) for widths in reachable)
            setting = replace(setting, domain=replace(domain, positions=longest))
        settings.append(setting)
    return replace(branch, settings=tuple(settings))


def parse_template(document: Document, index: int, data: Any, classes: int) -> LayerTemplate:
    """The layer of a space written at `layers[index]`."""
    key: KeyPath = ("layers", index)
    if not isinstance(data, dict):
        raise document.error(
            key, f"a layer is a mapping such as {{block: Conv, out: 24}}, not {show(data)}"
        )
    shared = dict(data)
    if "block" not in shared:
        raise document.error((*key, "block"), "this key is missing")
    block = shared.pop("block")
    name = parse_name(document, (*key, "name"), shared.pop("name", None)) or f"layer{index}"
    repeat = _parse_repeat(document, (*key, "repeat"), shared.pop("repeat", 1))
    branches = tuple(
        _parse_branch(document, key, name, block_name, own, shared, classes)
        for block_name, own in _blocks(document, (*key, "block"), block)
    )
    return LayerTemplate(name, key, branches, repeat)


def _blocks(
    document: Document, key: KeyPath, block: Any
) -> list[tuple[Any, dict[str, Any] | None]]:
    """Name and own settings of each block that may stand in the layer; None where it has no settings key."""
    if isinstance(block, dict):
        found: list[tuple[Any, dict[str, Any] | None]] = []
        for name, own in block.items():
            if own is not None and not isinstance(own, dict):
                raise document.error((*key, name), f"needs a mapping of settings, not {show(own)}")
            found.append((name, own or {}))
    else:
        found = [(name, None) for name in (block if isinstance(block, list) else [block])]
    if not found:
        raise document.error(key, "needs at least one block")
    names = [name for name, _ in found]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise document.error((*key, index), f"{show(name)} stands here twice")
    return found


def _parse_branch(
    document: Document,
    key: KeyPath,
    layer: str,
    name: Any,
    own: dict[str, Any] | None,
    shared: dict[str, Any],
    classes: int,
) -> Branch:
    own_key: KeyPath = (*key, "block", name) if own is not None else (*key, "block")
    block = block_class(document, own_key, name)
    own = dict(own or {})
    reports = _parse_reports(document, (*own_key, "reports"), own.pop("reports", "out"))
    written = [(field, f"{layer}.{field}", (*key, field), data) for field, data in shared.items()]
    written += [
        (field, f"{layer}.{name}.{field}", (*own_key, field), data) for field, data in own.items()
    ]
    settings = []
    for field, path, where, data in written:
        if field in own and where == (*key, field):
            raise document.error((*own_key, field), f"{field} stands for the whole layer already")
        value = classes if field == "out" and data == CLASSES else data
        settings.append(Setting(field, path, where, parse_domain(document, where, value)))
    branch = Branch(block, tuple(settings), own_key, reports)
    _check_fields(document, branch)
    return branch


def _parse_reports(document: Document, key: KeyPath, reports: Any) -> bool:
    if reports not in ("out", "same"):
        raise document.error(key, f"{show(reports)} is not allowed: out or same")
    return bool(reports == "same")


def _check_fields(document: Document, branch: Branch) -> None:
    """Raises NasError for a key that the block lacks, or that needs a value, or whose values it refuses."""
    fields = branch.block.model_fields
    given = {setting.field for setting in branch.settings}
    for field, info in fields.items():
        if info.is_required() and field not in given:
            raise document.error(
                (*branch.key, field), f"this key is missing for {branch.block.name}"
            )
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
) -> Exception:
    explained = explain(error, branch.block, document, ())
    if explained.key == setting.field or error.errors()[0]["loc"] == (setting.field,):
        return document.error(setting.key, explained.problem)
    return document.error(branch.key, f"{setting.field} {show(drawn.value)}: {explained.problem}")


def _parse_repeat(document: Document, key: KeyPath, data: Any) -> Choice | Range:
    domain = parse_domain(document, key, data)
    if isinstance(domain, Range) and (domain.relative or domain.times != 1):
        raise document.error(key, "a repeat is a plain number, a choice or a range of numbers")
    for drawn in domain.values(Widths(1, 1)):
        value = drawn.value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_REPEAT:
            raise document.error(
                key, f"{show(value)} is not allowed: a whole number from 0 to {MAX_REPEAT}"
            )
    return domain


__all__ = ["Branch", "Domain", "LayerTemplate", "Setting", "parse_template"]
