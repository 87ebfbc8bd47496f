"""One layer of a search space: its possible blocks and their settings' domains."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from blocks import BlockConfig, Shape
from nas.spec.domain import Choice, Drawn, Range, Trial, Widths
from nas.spec.layers import LayerSpec
from nas.spec.load import KeyPath


@dataclass(frozen=True)
class State:
    """Input of a layer."""

    shape: Shape
    reported: int

    @property
    def widths(self) -> Widths:
        """The widths that ranges refer to."""
        return Widths(self.shape[0], self.reported)


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
    """True where the next layer is told the input width, not the output width."""

    def config(self, drawn: dict[str, Drawn]) -> BlockConfig:
        """The block with these settings. Raises pydantic's ValidationError."""
        return self.block.model_validate({field: item.value for field, item in drawn.items()})

    def configs(
        self, widths: Widths, fields: frozenset[str] | None = None
    ) -> Iterator[tuple[BlockConfig, int]]:
        """Every config that can be drawn, and its width before `times` (0 where it has no `out`).

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
        """The width that the next layer is told: as sampled, or the input's times the growth."""
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

    @cached_property
    def repeats(self) -> frozenset[int]:
        """How many copies there may be."""
        return frozenset(int(drawn.value or 0) for drawn in self.repeat.values(Widths(1, 1)))

    @property
    def size(self) -> int:
        """Values that are written for its settings, those of ranges between numbers included."""
        widths = Widths(1, 1)
        settings = [setting for branch in self.branches for setting in branch.settings]
        return sum(len(setting.domain.values(widths)) for setting in settings)

    def sample(self, trial: Trial, state: State) -> tuple[LayerSpec | None, State]:
        """A layer, None for no copies, and its output; `state` is its input."""
        layer, branch, base = self.draw(trial, state.widths)
        if layer is None:
            return None, state
        first, *rest = layer.copies()
        shape = first.output_shape(state.shape)
        reported = branch.reported(base, state.widths, shape)
        for config in rest:
            shape = config.output_shape(shape)
        return layer, State(shape, reported)

    def draw(self, trial: Trial, widths: Widths) -> tuple[LayerSpec | None, Branch, int]:
        """A layer, None for no copies, its branch, and its width before `times`."""
        repeat = self.repeat.sample(trial, f"{self.name}.repeat", widths).value
        if not repeat:
            return None, self.branches[0], 0
        branch = self._sample_branch(trial)
        drawn = {
            item.field: item.domain.sample(trial, item.path, widths) for item in branch.settings
        }
        base = drawn["out"].base if "out" in drawn else 0
        assert isinstance(repeat, int)
        assert isinstance(base, int)
        return LayerSpec(branch.config(drawn), repeat, self.name), branch, base

    def options(self) -> Iterator[LayerSpec]:
        """Every layer that can be drawn where nothing depends on what comes in, as of a neck."""
        widths = Widths(1, 1)
        for branch in self.branches:
            for config, _ in branch.configs(widths):
                yield from (LayerSpec(config, repeat) for repeat in sorted(self.repeats))

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
