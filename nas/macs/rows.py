"""Rows of a report, and to which of them ops and weights belong."""

from dataclasses import dataclass

from torch import nn

from nas.macs.trace import Trace

Path = str | None
"""Path of a row's module: "" is the network, None is everything without a row of its own."""


@dataclass(frozen=True)
class Row:
    """MACs and weights of one module, including submodules without a row of their own."""

    path: Path
    macs: int
    parameters: int


@dataclass(frozen=True)
class Plan:
    """The modules to watch, and how they are grouped into rows."""

    watched: dict[str, nn.Module]
    depth: int | None
    ours: bool
    """Whether it is a network of our blocks: each one is a row, those without multiply-adds too."""

    def rows(self, module: nn.Module, trace: Trace) -> list[Row]:
        """The rows in order of execution. Each multiply-add and each weight is in exactly one."""
        macs: dict[Path, int] = dict.fromkeys(self.watched, 0) if self.ours else {}
        for (path, _), amount in trace.macs.items():
            key = self._gathered(path)
            macs[key] = macs.get(key, 0) + amount
        parameters: dict[Path, int] = {}
        for name, parameter in module.named_parameters():
            owner = self._owner(name.rpartition(".")[0], macs)
            parameters[owner] = parameters.get(owner, 0) + parameter.numel()
        paths = [*macs, *(path for path in parameters if path not in macs)]
        return [Row(path, macs.get(path, 0), parameters.get(path, 0)) for path in paths]

    def name(self, path: str) -> str:
        """What a report calls the row of the module at `path`: of our own blocks the last word."""
        short = path.removeprefix("layers.")
        return short if self.ours and short != "head" else path or "network"

    def _gathered(self, path: str) -> str:
        return path if self.depth is None else ".".join(path.split(".")[: self.depth])

    def _owner(self, path: str, rows: dict[Path, int]) -> Path:
        """The row of a weight of the module at `path`: its own, or the nearest one around it."""
        if self.depth is not None:
            return self._gathered(path)
        while path not in rows and path:
            path = path.rpartition(".")[0]
        return path if path in rows else None


def plan_rows(module: nn.Module, depth: int | None) -> Plan:
    """One row a block for our own networks (`layers` and `head`) unless a depth is given.

    For others one row for each module that does multiply-adds itself; what the rest holds is one
    row more.
    """
    layers, head = getattr(module, "layers", None), getattr(module, "head", None)
    children = [name for name, _ in module.named_children()]
    ours = isinstance(layers, nn.Sequential) and children == ["layers", "head"]
    if not ours or depth is not None:
        return Plan(dict(module.named_modules()), depth, ours=False)
    assert isinstance(layers, nn.Sequential)
    assert isinstance(head, nn.Module)
    watched = {f"layers.{name}": block for name, block in layers.named_children()}
    if not isinstance(head, nn.Sequential) or len(head):
        watched["head"] = head
    return Plan(watched, None, ours=True)
