"""A second reading of the search that `shufflenet.yaml` describes, in rows, independent of ours.

A network is five modules. The first is one strided convolution, then a pooling. Modules 2 to 4 are
one block at stride 2 and two to four more of its kind at stride 1; module 5 is two to four at
stride 1. Each picks one of five kinds, a width that begins at what the module before said of
itself, and so on. Three layers follow, the last with nine outputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Pick = Callable[[Sequence[Any]], Any]
Row = list[Any]
ACTIVATIONS = ("ReLU", "Hardswish")
KINDS = ("Conv", "InvertedResidualv2", "InvertedResidualv3", "MBConv", "ShuffleNetV2")
TENTHS = {"m2": (10, 30), "m3": (10, 30), "m4": (20, 30), "m5": (20, 30)}
RATIOS = {"m2": (1, 2, 3), "m3": (1, 2, 3), "m4": (2, 3), "m5": (2, 3, 4)}
WIDEST = {"m2": 40, "m3": 96, "m4": 128, "m5": 256}
SHUFFLE_SAYS = {"m2": 2, "m3": 1, "m4": 2, "m5": 1}


@dataclass
class Module:
    """One module of the network: how its rows look at a stride, and the width that it claims."""

    kind: str
    row_arguments: Callable[[int], list[Any]]
    claims: int


def draw_module(pick: Pick, place: str, told: int) -> Module:
    """A module of one of the five kinds behind one that claimed the width `told`."""
    kind = pick(KINDS)
    if kind == "ShuffleNetV2":
        return Module(kind, lambda stride: [stride], told * SHUFFLE_SAYS[place])
    width = pick(range(told, WIDEST[place] + 1, 8))
    if kind == "Conv":
        activation = pick(ACTIVATIONS)
        return Module(kind, lambda s: [2 * width, 3, s, None, 1, activation], width)
    if kind == "InvertedResidualv3":
        first, last = TENTHS[place]
        ratio = pick(range(first, last + 1, 2)) / 10
        gate, hard = pick((0, 1)), pick((0, 1))
        return Module(kind, lambda s: [3, ratio, width, gate, hard, s], width)
    ratio = pick(RATIOS[place])
    if kind == "MBConv":
        return Module(kind, lambda s: [ratio, width, s, 3], width)
    return Module(kind, lambda s: [width, ratio, s], width)


def draw_rows(pick: Pick) -> list[Row]:
    """The rows of one network; `pick` chooses one of some values."""
    stem, told, activation = pick(("Conv", "DWConv")), pick((16, 24)), pick(ACTIVATIONS)
    groups = [1] if stem == "Conv" else []
    rows: list[Row] = [
        [1, stem, [told, 3, 2, None, *groups, activation]],
        [1, "MaxPool", [3, 2, 1]],
    ]
    for place in ("m2", "m3", "m4", "m5"):
        module = draw_module(pick, place, told)
        told = module.claims
        if place != "m5":
            rows.append([1, module.kind, module.row_arguments(2)])
        rows.append([pick((2, 3, 4)), module.kind, module.row_arguments(1)])
    rows.append([1, "GlobalAvgPool", []])
    rows.append([1, "Conv", [pick((512, 640, 768)), 1, 1]])
    rows.append([1, "FixedConv", [9, 1, 1, None, 1, None]])
    return rows
