"""Kinds of costs: their names, and how values are written."""

from dataclasses import dataclass

from nas.spec.quantity import count_text
from nas.text_table import UNKNOWN

MACS = "macs"
PARAMETERS = "parameters"


@dataclass(frozen=True)
class CostKind:
    """A cost of networks, known before or after their training."""

    name: str
    """Its key in records and settings, and its column in `trials.csv`."""
    title: str
    """In prose and at the heads of tables: `MACs`."""
    unit: str = ""
    description: str = ""
    """Description in a few words, where the title needs one."""

    @property
    def head(self) -> str:
        """At the head of a column: `MACs`, `latency (ms)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def axis_label(self) -> str:
        """At a logarithmic axis."""
        start, title = (self.description, self.title) if self.description else (self.title, "")
        inside = ", ".join(part for part in (title, self.unit, "logarithmic") if part)
        return f"{start} ({inside})"

    def text(self, value: float | None) -> str:
        """The value in three digits, without its unit: `1.86 M`, `0.125`; a dash for None."""
        if value is None:
            return UNKNOWN
        if value == int(value) and value >= 0:
            return count_text(int(value))
        return count_text(round(value)) if value >= 1000 else f"{value:.3g}"

    def phrase(self, value: float | None) -> str:
        """The value with its name: `1.86 M MACs`, `0.125 ms latency`."""
        return " ".join(part for part in (self.text(value), self.unit, self.title) if part)


MACS_KIND = CostKind(MACS, "MACs", description="multiply-adds of one sample")
PARAMETERS_KIND = CostKind(PARAMETERS, "parameters")
