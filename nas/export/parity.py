"""Whether an exported file computes what its network does: on real samples, in its own runtime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

import torch
from torch import Tensor, nn

from nas.data.dataset import AnyTaskData
from nas.errors import NasError
from nas.report.tables import metric_title
from nas.tasks.base import Metrics, Task, Thresholds
from nas.tasks.outputs import require_finite
from nas.text_table import aligned, interval_text, metric_text, share_text
from nas.train.loop import evaluate
from nas.train.weights import folded_copy

TOLERANCE = 1e-4
"""Largest difference of an output of a float32 file; see `Differences`."""
SPLIT: Final = "validation"
"""The split whose samples both run on: the test split is looked at once, by the training."""


@dataclass
class Differences:
    """Differences of outputs, gathered batch by batch.

    A difference is |a - b| / max(1, |a|), a being PyTorch's: absolute up to 1, as is right for
    logits near a decision, and relative above, where float32 itself is coarser: the sides of a
    detector's boxes are exponentials of hundreds of pixels.
    """

    names: Sequence[str]
    largest: dict[str, float] = field(default_factory=dict)
    """By output."""
    samples: int = 0
    decided: int = 0
    equal: int = 0
    """Decisions that are the same."""

    def add(self, expected: Any, found: Any) -> None:
        """Take in the outputs of one batch."""
        pairs = zip(self.names, parts(expected), parts(found), strict=True)
        for name, expected_part, found_part in pairs:
            difference = (found_part.double() - expected_part.double()).abs()
            difference /= expected_part.double().abs().clamp(min=1)
            same = expected_part == found_part  # infinite ones too
            difference = difference.masked_fill(same, 0).nan_to_num(torch.inf, posinf=torch.inf)
            largest = float(difference.max())
            self.largest[name] = max(self.largest.get(name, 0.0), largest)

    def decide(self, task: Task[Any], data: AnyTaskData, expected: Any, found: Any) -> None:
        """Count the samples of one batch, and what is decided of them at the data's thresholds."""
        self.samples += len(parts(expected)[0])
        decisions = [task.decisions(data, item) for item in (expected, found)]
        if decisions[0] is not None and decisions[1] is not None:
            self.decided += decisions[0].numel()
            self.equal += int((decisions[0] == decisions[1]).sum())


@dataclass(frozen=True, eq=False)
class Parity:
    """A file's outputs against its network's, and the metrics of both."""

    differences: Differences
    before: Metrics
    """Of the network in PyTorch."""
    after: Metrics
    """Of the file in its own runtime."""
    primary_metric: str

    @property
    def drop(self) -> float:
        """What the primary metric loses; negative where it gains."""
        return self.before.primary - self.after.primary

    def refuse_beyond(self, tolerance: float) -> None:
        """Raises NasError for a file with a larger difference."""
        for name, largest in self.differences.largest.items():
            if not largest <= tolerance:
                raise NasError(
                    f"not exported: {name} differs by {largest:.1e} from PyTorch's, allowed is "
                    f"{tolerance:.0e}"
                )

    def refuse_drop(self, most: float) -> None:
        """Raises NasError for a file whose primary metric is lower by more than `most`."""
        if not self.drop <= most:  # no number falls too
            raise NasError(
                f"not exported: {metric_title(self.primary_metric)} falls by {self.drop:.4f}, "
                f"allowed is {most:g}; train it with --quantisation-aware 5, longer or wider, or "
                "allow more",
                key="--max-drop",
            )

    def lines(self) -> list[str]:
        """A table of all of it."""
        found, title = self.differences, metric_title(self.primary_metric)
        rows = [
            (f"largest difference of {name}", f"{largest:.1e}")
            for name, largest in found.largest.items()
        ]
        if found.decided:
            rows.append(("equal decisions", share_text(found.equal, found.decided)))
        for what, metrics in (("in PyTorch", self.before), ("of the file", self.after)):
            interval = metrics.with_intervals()[f"{self.primary_metric}_ci95"]
            value = f"{metric_text(metrics.primary)} ({interval_text(interval)})"
            rows.append((f"{title} {what}", value))
        return aligned(rows, left=(0, 1))

    def as_json(self) -> dict[str, Any]:
        """Plain values under full names."""
        found = self.differences
        return {
            "split": SPLIT,
            "samples": found.samples,
            "largest_difference": {
                name: value if isfinite(value) else None for name, value in found.largest.items()
            },
            "equal_decisions": found.equal / found.decided if found.decided else None,
            "metric": self.primary_metric,
            "pytorch": self.before.with_intervals(),
            "file": self.after.with_intervals(),
        }


def compare(
    network: nn.Module,
    exported: nn.Module,
    data: AnyTaskData,
    task: Task[Any],
    thresholds: Thresholds,
    names: Sequence[str],
) -> Parity:
    """Both networks on the whole validation split, with the same thresholds.

    The first sample is run alone too: a batch must be able to have any size. Raises NasError for
    outputs that are not finite or of another form.
    """
    cpu = torch.device("cpu")
    before = evaluate(network, data, task, SPLIT, device=cpu, thresholds=thresholds)
    folded = folded_copy(network).to(memory_format=torch.channels_last)
    differences = Differences(names)
    measured = task.with_thresholds(data, thresholds) if thresholds else data

    def outputs() -> Iterator[tuple[Any, Any]]:
        for x_NCHW, targets in task.evaluation_batches(data, SPLIT, cpu):
            found = exported(x_NCHW)
            require_finite(found, f"samples of a batch of the {SPLIT} split, in the exported file")
            if not differences.samples:
                differences.add(folded(x_NCHW[:1]), exported(x_NCHW[:1]))
            expected = folded(x_NCHW)
            differences.add(expected, found)
            differences.decide(task, measured, expected, found)
            yield found, targets

    with torch.inference_mode():
        after = task.measure(measured, outputs())
    return Parity(differences, before, after, task.primary_metric)


def parts(outputs: Any) -> tuple[Tensor, ...]:
    """The tensors of a network's outputs. Raises NasError for what is none."""
    found = (outputs,) if isinstance(outputs, Tensor) else outputs
    if not isinstance(found, tuple) or not all(isinstance(part, Tensor) for part in found):
        kind = type(outputs).__name__
        raise NasError(
            f"the network gives a {kind}, and only tensors can be exported: a whole detector of "
            "another library is exported by that library"
        )
    return found
